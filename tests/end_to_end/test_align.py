"""The recipes that name the Hub run their whole path against a double of it: small random models of the same
architectures with tokenizers as the real ones have them, data sets of the same columns.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import trl
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from pipeline.shipped import shipped_recipes
from tests.hub_double.client import environment, python
from tests.hub_double.server import Hub, running_hub
from tests.hub_double.store import Account, File, Repository
from tests.unit.data.foreign import save_foreign, tokenizer_of

QWEN3 = (Path(trl.__file__).parent / "chat_templates/qwen3.jinja").read_text(encoding="utf-8")
SMOLLM2, QWEN = "HuggingFaceTB/SmolLM2-135M", "Qwen/Qwen3-0.6B-Base"


def turns(number: int, *said: str) -> list[dict[str, str]]:
    return [
        {"role": "user" if place % 2 == 0 else "assistant", "content": f"{text} {number % 9}"}
        for place, text in enumerate(said)
    ]


ROWS: Mapping[str, Mapping[str, Any]] = {
    "HuggingFaceTB/smol-smoltalk": {
        "train": [{"messages": turns(row, "why", "so", "and", "no"), "source": "x"} for row in range(400)],
        "test": [{"messages": turns(row, "how", "so"), "source": "x"} for row in range(20)],
    },
    "HuggingFaceTB/everyday-conversations-llama3.1-2k": {
        "train_sft": [{"full_topic": "a", "prompt": "p", "completion": "c", "messages": turns(row, "hi", "hello")}
                      for row in range(200)],
        "test_sft": [{"full_topic": "a", "prompt": "p", "completion": "c", "messages": turns(1, "hi", "hello")}],
    },
    "trl-lib/ultrafeedback_binarized": {
        split: [{"chosen": turns(row, "what", "good"), "rejected": turns(row, "what", "bad")[:1] + turns(row, "", "bad")[1:],
                 "score_chosen": 8.0, "score_rejected": 3.0} for row in range(200)]
        for split in ("train", "test")
    },
    "trl-lib/ultrafeedback-prompt": {
        split: [{"prompt": [{"role": "user", "content": f"tell me {row}"}]} for row in range(40)]
        for split in ("train", "test")
    },
}  # fmt: skip
"""Data sets by name: splits, with the columns of the real ones."""


@dataclass(frozen=True)
class Machine:
    """A double of the Hub with everything that the recipe names, and a user's machine."""

    hub: Hub
    home: Path

    def run(self, *arguments: str, **variables: str) -> Any:
        return python(["-m", "pipeline", *arguments], environment(self.hub, self.home / "hf", **variables), self.home)


def put(hub: Hub, kind: str, name: str, files: Mapping[str, bytes], sha: str | None = None) -> None:
    """A repository with these files, at the commit `sha` where one is pinned."""
    repository = hub.store.repositories[kind, name] = Repository(kind, name, private=False)
    content = {path: File(data, path.endswith((".safetensors", ".parquet"))) for path, data in files.items()}
    made = repository.commit("main", content, "all", None)
    if sha is not None:
        repository.commits[sha] = repository.commits[made]
        repository.branches["main"] = sha


def parquet(rows: list[dict[str, Any]]) -> bytes:
    packed = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), packed)
    return packed.getvalue()


def pinned(name: str) -> str:
    """The commit at which the recipe names a model."""
    text = shipped_recipes()["align-smollm2"].read_text(encoding="utf-8")
    return text.split(f"hf://{name}@")[1][:40]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    home = tmp_path_factory.mktemp("align")
    # The base model has ChatML's tokens, no template, no padding, and 'end' of documents for its end; Qwen's base ends
    # and pads by one token and has a template that writes turns anew.
    smollm2 = tokenizer_of(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>"], "<|endoftext|>")
    qwen = tokenizer_of(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|endoftext|>", QWEN3, "<|endoftext|>")
    save_foreign(home / "smollm2", smollm2, "llama")
    save_foreign(home / "qwen", qwen, "qwen3", rows=320, seed=1)
    with running_hub({"hf_alice": Account("alice")}) as hub:
        for folder, name in (("smollm2", SMOLLM2), ("qwen", QWEN)):
            files = {file.name: file.read_bytes() for file in (home / folder).iterdir()}
            put(hub, "model", name, files, pinned(name))
        for name, splits in ROWS.items():
            files = {f"data/{split}-00000-of-00001.parquet": parquet(rows) for split, rows in splits.items()}
            put(hub, "dataset", name, files)
        (home / "align-smollm2.yaml").write_text(shipped_recipes()["align-smollm2"].read_text(encoding="utf-8"))
        yield Machine(hub, home)


@pytest.fixture(scope="module")
def run_folder(machine: Machine) -> Path:
    answer = machine.run("run", "align-smollm2.yaml", "--smoke", "--set", "evaluate.max_new_tokens=8")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return machine.home / "runs/align-smollm2-smoke"


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_the_whole_path_runs_from_the_hub_to_a_published_model(run_folder: Path):
    made = {file.parent.name for file in run_folder.glob("*/manifest.json")}
    assert made == {"sft", "instruct", "reward", "ppo", "evaluate", "publish"}
    sft = manifest(run_folder / "sft")["metrics"]["adopted"]
    assert (
        sft
        == "chat template chatml; end token <|im_end|>, as the chat template ends turns; padding token <|endoftext|>"
    )
    reward = manifest(run_folder / "reward")["metrics"]["adopted"]
    assert reward == "generation marks in the chat template; end token <|im_end|>, as the chat template ends turns"


def test_every_model_opens_by_plain_transformers_and_adapters_lie_beside(run_folder: Path):
    for stage in ("sft", "instruct", "ppo", "publish"):
        model = AutoModelForCausalLM.from_pretrained(run_folder / stage)
        assert type(model).__name__ == "LlamaForCausalLM"
        assert not [name for name in model.state_dict() if "lora" in name]
    assert type(AutoModelForSequenceClassification.from_pretrained(run_folder / "reward")).__name__ == (
        "Qwen3ForSequenceClassification"
    )
    bases = {
        stage: json.loads((run_folder / stage / "adapter/adapter_config.json").read_text())["base_model_name_or_path"]
        for stage in ("instruct", "reward", "ppo")
    }
    assert bases == {"instruct": "sft", "reward": QWEN, "ppo": "instruct"}
    assert not (run_folder / "sft/adapter").exists()


def test_the_policy_and_its_reference_are_one_at_first(run_folder: Path):
    first = json.loads((run_folder / "ppo/metrics.jsonl").read_text().splitlines()[0])
    assert first["kl"] == 0.0


def test_models_at_a_pinned_commit_and_data_at_one_that_the_first_run_pinned(machine: Machine, run_folder: Path):
    lock = json.loads((machine.home / "align-smollm2.lock").read_text())
    assert {name.split("@")[0].removeprefix("datasets/") for name in lock} == set(ROWS)
    again = machine.run("run", "align-smollm2.yaml", "--smoke", "--set", "evaluate.max_new_tokens=8")
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.parametrize(
    ("change", "variables", "said"),
    [
        ("sft.model=hf://HuggingFaceTB/SmolLM2-135M@v9", {}, "no revision 'v9'; name a branch, a tag or a commit of it"),
        ("sft.model=hf://HuggingFaceTB/Gone", {}, "there is no such repository, or it is private"),
        ("sft.model=hf://HuggingFaceTB/Gated", {}, "gated: ask for access on its page, then `hf auth login`"),
        ("sft.model=hf://HuggingFaceTB/Code", {}, "a model that needs no code of its own (modeling.Odd is not run)"),
        ("sft.model=hf://HuggingFaceTB/SmolLM2-135M@main", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "check the network"),
        ("sft.data={path: hf://datasets/trl-lib/ultrafeedback-prompt, columns: {messages: chat}}", {},
         "no column 'chat' (wanted as 'messages'); it has prompt"),
    ],
)  # fmt: skip
def test_what_the_hub_does_not_give_is_told_in_one_line(machine: Machine, change: str, variables: Any, said: str):
    odd = json.dumps({"model_type": "odd", "auto_map": {"AutoModelForCausalLM": "modeling.Odd"}}).encode()
    put(machine.hub, "model", "HuggingFaceTB/Code", {"config.json": odd, "modeling.py": b""})
    put(machine.hub, "model", "HuggingFaceTB/Gated", {"config.json": b"{}"})
    machine.hub.store.repositories["model", "HuggingFaceTB/Gated"].gated = True
    options = ("--smoke", "--until", "sft", "--name", "refused", "--set", change)
    answer = machine.run("run", "align-smollm2.yaml", *options, **variables)
    errors = [
        line for line in answer.stderr.splitlines() if line.strip() and not line.startswith(("  [", "[", "report:"))
    ]
    assert answer.returncode == 3 and said in answer.stderr, answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr and len(errors) == 1, answer.stderr


def test_base_124m_names_only_data_and_has_its_own_test():
    named = {
        name: [word for word in path.read_text(encoding="utf-8").split('"') if word.startswith("hf://")]
        for name, path in shipped_recipes().items()
    }
    assert {name for name, addresses in named.items() if addresses} == {"align-smollm2", "base-124m"}
