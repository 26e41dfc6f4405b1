"""From a run to the Hub and back, against a double on 127.0.0.1; nothing else can be reached from these processes.

Untested for want of it in the double: Xet, multipart uploads, and the real Hub.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.publish.quick_start import program_of
from tests.hub_double.client import ROOT, environment, python
from tests.hub_double.server import Hub, running_hub
from tests.hub_double.store import Account, Repository

ACCOUNTS = {
    "hf_alice": Account("alice", organizations=("mill",)),
    "hf_reader": Account("alice", role="read"),
    "hf_bob": Account("bob"),
}
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Desk:
    """A double, and a user's machine."""

    hub: Hub
    home: Path

    def python(self, *arguments: str, token: str | None = "hf_alice", **variables: str) -> Any:
        return python(list(arguments), environment(self.hub, self.home, token, **variables), self.home)

    def gristmill(self, *arguments: str, token: str | None = "hf_alice", **variables: str) -> Any:
        return self.python("-m", "pipeline", *arguments, token=token, **variables)

    def push(self, folder: Path, repo: str, *options: str) -> dict[str, Any]:
        answer = self.gristmill("push", str(folder), repo, "--json", *options)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def repository(self, name: str, kind: str = "model") -> Repository:
        return self.hub.store.repositories[kind, name]


def refused(answer: Any, code: int = 3) -> str:
    """The one line that a refusal is."""
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr and len(answer.stderr.splitlines()) == 1, answer.stderr
    return answer.stderr


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with running_hub(ACCOUNTS) as hub:
        yield Desk(hub, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def pushed(desk: Desk, small_run: Path) -> dict[str, dict[str, Any]]:
    """Every kind of artifact of a run, each in a repository."""
    return {
        "model": desk.push(small_run / "ppo", "alice/tiny", "--tag", "v1", "--accept"),
        "reward": desk.push(small_run / "reward", "alice/judge", "--accept"),
        "tokenizer": desk.push(small_run / "tokenizer", "alice/tokenizer", "--accept"),
        "corpus": desk.push(small_run / "corpus", "alice/valley", "--accept"),
        "preferences": desk.push(small_run / "preferences", "alice/pairs", "--private", "--accept"),
    }


def test_pushing_twice_makes_one_commit(desk: Desk, small_run: Path, pushed: dict[str, Any]):
    again = desk.push(small_run / "ppo", "alice/tiny", "--tag", "v1", "--accept")
    assert again == pushed["model"] | {"changed": False}
    assert len(desk.repository("alice/tiny").history()) == 2  # the Hub's own first commit, and ours
    assert desk.repository("alice/tiny").tags == {"v1": pushed["model"]["commit"]}


def test_what_lies_on_the_hub_is_what_lies_here(desk: Desk, small_run: Path, pushed: dict[str, Any]):
    _, files = desk.repository("alice/tiny").at(pushed["model"]["commit"])
    recorded = json.loads((small_run / "ppo/manifest.json").read_text())["files"]
    there = {name: file.sha256 for name, file in files.items()}
    assert {name: there[name] for name in recorded if name != "samples.jsonl"} == {
        name: digest for name, digest in recorded.items() if name != "samples.jsonl"
    }
    assert set(there) - set(recorded) >= {"README.md", "gristmill/manifest.json", "figures/ppo-reward-against-kl.png"}
    corpus = desk.repository("alice/valley", "dataset").at("main")[1]
    assert not [name for name in corpus if name.startswith("dropped")]


def test_no_path_of_this_machine_is_on_the_hub(desk: Desk, small_run: Path, pushed: dict[str, Any]):
    for repository in desk.hub.store.repositories.values():
        for name, file in repository.at("main")[1].items():
            assert str(small_run.parent).encode() not in file.content, (repository.name, name)


def test_a_card_shows_its_pictures_by_relative_paths(desk: Desk, pushed: dict[str, Any]):
    files = desk.repository("alice/tiny").at("main")[1]
    page = files["README.md"].content.decode()
    shown = [part.split('"')[0] for part in page.split('<img src="')[1:]]
    assert shown and all(files[path].content.startswith(b"\x89PNG") for path in shown)
    assert page.count("alt=") == len(shown)
    assert 'repository, revision = "alice/tiny", "v1"' in page


def test_a_visitor_opens_everything_by_revision(desk: Desk, small_run: Path, pushed: dict[str, Any]):
    import torch
    from safetensors.torch import load_file

    program = program_of(desk.repository("alice/tiny").at("v1")[1]["README.md"].content.decode())
    commits = [pushed[kind]["commit"] for kind in ("model", "reward", "tokenizer", "corpus", "preferences")]
    answer = desk.python(str(HERE / "hub_visitor.py"), *commits, program, PYTHONWARNINGS="ignore")
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout.splitlines()[-1])
    weights = load_file(small_run / "ppo/model.safetensors")
    assert {name: value.flatten()[:3].tolist() for name, value in weights.items()}.items() <= seen["parameters"].items()
    blob = next(
        iter((desk.home / "hub/models--alice--tiny/snapshots" / pushed["model"]["commit"]).glob("*.safetensors"))
    )
    assert (
        hashlib.sha256(blob.read_bytes()).digest()
        == hashlib.sha256((small_run / "ppo/model.safetensors").read_bytes()).digest()
    )
    assert seen["new_tokens"] > 0 and torch.tensor(seen["score"]).isfinite()
    assert seen["round_trip"] == "The mill." and seen["quick_start"].strip()
    metrics = json.loads((small_run / "corpus/manifest.json").read_text())["metrics"]
    assert set(seen["corpus"]) == set(seen["pairs"]) == {"train", "validation"}
    assert seen["pairs"] == {"train": 160, "validation": 40}
    assert sum(seen["corpus"].values()) == metrics["documents"]


def test_a_private_repository_is_for_its_owners(desk: Desk, pushed: dict[str, Any]):
    assert desk.repository("alice/pairs", "dataset").private
    ask = "from huggingface_hub import HfApi; print(HfApi().dataset_info('alice/pairs').sha)"
    assert desk.python("-c", ask).returncode == 0
    assert "RepositoryNotFoundError" in desk.python("-c", ask, token="hf_bob").stderr


@pytest.fixture(scope="module")
def ends(desk: Desk) -> dict[str, Any]:
    """How each of `hub_scenarios` ended."""
    orders = [
        ("POST", "alice/busy/commit/", "503", 1),
        ("POST", "alice/lost/commit/", "lose", 1),
        ("PUT", hashlib.sha256(b"\0cut").hexdigest(), "cut", 1),
        ("POST", "alice/dead/commit/", "503", 99),
        ("POST", "alice/raced/commit/", "race", 1),
        ("POST", "alice/tag-lost/tag/", "lose", 1),
        ("POST", "alice/tag-dead/tag/", "503", 3),
    ]
    for order in orders:
        desk.hub.faults.order(*order)  # type: ignore[arg-type]
    answer = desk.python("-m", "tests.end_to_end.hub_scenarios", HF_HUB_DISABLE_PROGRESS_BARS="1")
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.mark.parametrize("name", ["busy", "lost", "cut", "tag-lost"])
def test_a_fault_that_passes_leaves_one_commit_and_its_tag(desk: Desk, ends: dict[str, Any], name: str):
    repository = desk.repository(f"alice/{name}")
    assert ends[name]["commit"] == repository.branches["main"] == repository.tags["v1"]
    assert len(repository.history()) == 2


def test_a_busy_hub_is_not_sent_the_weights_again(desk: Desk, ends: dict[str, Any]):
    assert desk.hub.asked(f"PUT /lfs/{hashlib.sha256(bytes(1) + b'busy').hexdigest()}") == 1
    assert ends["busy"]["told"] == [ends["busy"]["told"][0]] and "503" in ends["busy"]["told"][0]


def test_a_hub_that_stays_down_is_told_after_a_bounded_time(desk: Desk, ends: dict[str, Any]):
    assert "the Hub answers 503" in ends["dead"]["error"] and "(3 attempts)" in ends["dead"]["error"]
    assert desk.hub.asked("alice/dead/commit") == 3
    assert desk.repository("alice/dead").history() == ["initial commit"] and not desk.repository("alice/dead").tags


def test_the_tag_comes_last_and_is_made_up_for(desk: Desk, ends: dict[str, Any]):
    assert "503" in ends["tag-dead"]["error"]
    again = ends["tag-dead, again"]
    assert not again["changed"] and desk.repository("alice/tag-dead").tags == {"v1": again["commit"]}


def test_a_commit_by_another_is_not_run_over(desk: Desk, ends: dict[str, Any]):
    assert "somebody pushed meanwhile" in ends["raced"]["error"]
    assert desk.repository("alice/raced").history() == ["raced", "by another", "initial commit"]
    assert "notes.txt" in desk.repository("alice/raced").at("v1")[1]


def test_a_tag_is_never_moved(desk: Desk, ends: dict[str, Any]):
    assert "the tag 'v1' stands at another commit" in ends["taken, changed"]["error"]
    assert desk.repository("alice/taken").tags == {"v1": ends["taken"]["commit"]}
    assert len(desk.repository("alice/taken").history()) == 2


def test_a_public_repository_does_not_pass_for_a_private_one(desk: Desk, ends: dict[str, Any]):
    assert desk.repository("alice/secret").private and ends["secret"]["changed"]
    assert "is public, and `private` was asked for" in ends["public"]["error"]


def test_files_of_an_earlier_push_do_not_stay_beside_new_ones(desk: Desk, ends: dict[str, Any]):
    assert set(desk.repository("alice/left-over").at("main")[1]) == {
        ".gitattributes", "README.md", "config.json", "gristmill/manifest.json", "model.safetensors",
    }  # fmt: skip


ONE_PUSH = """\
from pipeline.core.errors import PipelineError
from tests.end_to_end.hub_scenarios import attempt, content
print(attempt({name!r}, content({name!r}), tag="v1")["error"])
"""


def test_xet_that_does_not_answer_is_told_in_a_line(desk: Desk):
    """The double does not speak Xet, the real Hub's way for large files; here it is only seen to fail."""
    answer = desk.python("-c", ONE_PUSH.format(name="xet"), HF_HUB_DISABLE_XET="0")
    assert answer.returncode == 0 and "alice/xet: no answer from the Hub" in answer.stdout, answer.stderr
    assert desk.repository("alice/xet").history() == ["initial commit"]


@pytest.mark.slow
def test_weights_that_never_arrive_leave_no_commit(desk: Desk):
    desk.hub.faults.order("PUT", hashlib.sha256(b"\0never").hexdigest(), "cut", 99)
    answer = desk.python("-c", ONE_PUSH.format(name="never"))
    assert answer.returncode == 0 and "(3 attempts)" in answer.stdout, answer.stderr
    assert desk.repository("alice/never").history() == ["initial commit"] and not desk.repository("alice/never").tags


def test_rights_are_told_apart(ends: dict[str, Any]):
    assert "commit" in ends["organization"]
    expected = {
        "foreign": "alice has no right to the namespace 'carol'; push to one of alice, mill",
        "hf_reader": "the token of alice may only read",
        "hf_bob": "bob has no right to the namespace 'alice'",
        "hf_unknown": "does not accept the token",
        "no token": "no token for the Hub; `hf auth login`",
    }
    assert {name: words in ends[name]["error"] for name, words in expected.items()} == dict.fromkeys(expected, True)


def test_what_is_damaged_unfinished_or_no_repository_is_not_pushed(desk: Desk, small_run: Path, tmp_path: Path):
    broken = tmp_path / "run" / "tokenizer"
    shutil.copytree(small_run / "tokenizer", broken)
    (broken / "tokenizer.json").chmod(0o644)
    with open(broken / "tokenizer.json", "a") as file:
        file.write(" ")
    assert "tokenizer.json: changed since it was sealed" in refused(desk.gristmill("push", str(broken), "alice/x"))
    (broken / "tokenizer.json").unlink()
    assert "tokenizer.json: missing" in refused(desk.gristmill("push", str(broken), "alice/x"))
    assert "no finished stage here" in refused(desk.gristmill("push", str(tmp_path), "alice/x"))
    assert "no publish stage" in refused(desk.gristmill("push", str(small_run), "alice/x"))
    assert "REPO: 'alice//x'" in refused(desk.gristmill("push", str(small_run / "ppo"), "alice//x"), code=2)
    assert ("model", "alice/x") not in desk.hub.store.repositories


def test_offline_nothing_is_pushed_and_a_dry_run_needs_no_hub(desk: Desk, small_run: Path):
    stage = str(small_run / "tokenizer")
    offline = desk.gristmill("push", stage, "alice/x", "--accept", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in refused(offline)
    dry = desk.gristmill(
        "push", stage, "alice/x", "--accept", "--dry-run", token=None, HF_ENDPOINT="http://127.0.0.1:9"
    )
    assert dry.returncode == 0 and "tokenizer.json" in dry.stdout and max(map(len, dry.stdout.splitlines())) <= 80


RECIPE = """\
recipe: 1
name: tuned
runtime: {precision: fp32, threads: 1, micro_batch: 2}
stages:
  sft:
    model: "hf://alice/tiny"
    data: "builtin:valley-requests"
    checks: warn
    train: {steps: 2, global_batch_size: 4}
  publish:
    model: sft
    hub: {repo: HUB, tag: v1}
"""


@pytest.fixture(scope="module")
def recipe(desk: Desk, pushed: dict[str, Any]) -> Path:
    path = desk.home / "tuned.yaml"
    path.write_text(RECIPE.replace("HUB", "alice/tuned"))
    return path


def test_a_recipe_that_cannot_push_stops_before_its_first_stage(desk: Desk, recipe: Path):
    malformed = desk.home / "malformed.yaml"
    malformed.write_text(RECIPE.replace("HUB", "alice"))
    assert "malformed.yaml:12:11: stages.publish.hub.repo: 'alice' is no repository" in refused(
        desk.gristmill("validate", str(malformed)), code=2
    )
    assert "no token for the Hub" in refused(desk.gristmill("run", str(recipe), token=None))
    assert "may only read" in refused(desk.gristmill("run", str(recipe), token="hf_reader"))
    assert not (desk.home / "runs/tuned/sft").exists()


def test_a_recipe_starts_from_the_hub_and_ends_there(desk: Desk, recipe: Path, pushed: dict[str, Any]):
    planned = desk.gristmill("plan", str(recipe), "--json")
    assert planned.returncode == 0, planned.stderr
    first = desk.gristmill("run", str(recipe))
    assert first.returncode == 0, first.stderr
    lock = json.loads((desk.home / "tuned.lock").read_text())
    assert lock == {"models/alice/tiny@main": pushed["model"]["commit"]}
    tuned = desk.repository("alice/tuned")
    manifest = json.loads((desk.home / "runs/tuned/publish/manifest.json").read_text())
    assert {key: manifest["metrics"][key] for key in ("repo", "commit", "tag", "url")} == {
        "repo": "alice/tuned", "commit": tuned.tags["v1"], "tag": "v1", "url": f"{desk.hub.url}/alice/tuned/tree/v1",
    }  # fmt: skip
    assert "base_model:\n- alice/tiny" in tuned.at("v1")[1]["README.md"].content.decode()

    tiny = desk.repository("alice/tiny")  # main moves on; the recipe is pinned
    tiny.commit("main", {}, "everything is gone", tiny.branches["main"])
    second = desk.gristmill("run", str(recipe))
    assert second.returncode == 0 and second.stderr.count("unchanged, skipped") == 2, second.stderr

    assert not desk.push(desk.home / "runs/tuned", "alice/tuned", "--tag", "v1", "--accept")["changed"]
    assert len(tuned.history()) == 2
    tiny.commit("main", tiny.at("v1")[1], "back again", tiny.branches["main"])


def test_a_missing_repository_or_revision_is_one_line(desk: Desk, recipe: Path):
    for address, words in {
        "hf://alice/nothing": "no such repository, or it is private",
        "hf://alice/tiny@v9": "the repository has no revision 'v9'",
    }.items():
        assert words in refused(desk.gristmill("plan", str(recipe), "--set", f"sft.model={address}"))
    gone = desk.gristmill("plan", str(recipe), "--set", "sft.model=hf://alice/other", HF_ENDPOINT="http://127.0.0.1:9")
    assert "no answer from the Hub" in refused(gone)


def test_these_processes_reach_nothing_but_this_machine(desk: Desk):
    answer = desk.python("-c", "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)")
    assert "a test reaches for 192.0.2.1" in answer.stderr
    assert sys.executable and ROOT.is_dir()
