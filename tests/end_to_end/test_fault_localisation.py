"""Break one stage of a sound chain, and the run must stop at it and name it: not an earlier one, nor a later.

Breaks are made as a user would make them: a setting, a file, a function. `how` says where that is impossible.
Each case starts from copies of the sound run's stages, so it costs its own stage alone.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import PipelineError, Recipe
from pipeline.core.plan import dependents
from pipeline.core.run import RunOptions, run_recipe
from pipeline.data.builtin import CATALOGUE
from tests import chain

FAULTS = chain.ROOT / "tests/recipes/faults.yaml"
JUDGES = "tests.end_to_end.judges"
LAST = "evaluate"
"""Publishing is never reached: it is there so that a failed evaluation has someone to stop."""


@dataclass(frozen=True)
class Case:
    """One break. `verdict` is `error` where the stage refuses to go on and makes nothing, and `warn` where its model
    may still be of use: then the run need not stop, but the stage must say what is wrong.
    """

    name: str
    stage: str
    check: str
    """A part of the check's name, or of the error."""
    settings: tuple[str, ...] = ()
    """Overrides, as `--set` takes them."""
    prepare: Callable[[Path, Path], list[str]] | None = None
    """`prepare(base, run)` breaks files and returns further settings; `base` is the sound run."""
    verdict: str = "fail"
    slow: bool = False
    how: str = "setting"


# What a user's files and folders hold.


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def builtin_rows(name: str, count: int) -> list[dict[str, Any]]:
    from pipeline.data.valley import rows

    return [row for row, _ in zip(getattr(rows, name)("train"), range(count), strict=False)]


def permuted_answers(name: str, count: int) -> list[dict[str, Any]]:
    """Conversations whose answers belong to other questions."""
    rows = builtin_rows(name, count)
    answers = [row["messages"][-1] for row in rows]
    random.Random(0).shuffle(answers)
    return [{"messages": [*row["messages"][:-1], answer]} for row, answer in zip(rows, answers, strict=True)]


def shuffled_requests(base: Path, run: Path) -> list[str]:
    path = write_rows(run.parent / "files/chat.jsonl", permuted_answers("requests", 2400))
    return [f"sft.data={path}"]


def shuffled_mixture(base: Path, run: Path) -> list[str]:
    files = {name: write_rows(run.parent / f"files/{name}.jsonl", permuted_answers(name, 2400))
             for name in ("tasks", "requests")}  # fmt: skip
    return [f"instruct.mixture=[{{data: {files['tasks']}}}, {{data: {files['requests']}}}]"]


def shuffled_tasks_alone(base: Path, run: Path) -> list[str]:
    path = write_rows(run.parent / "files/tasks.jsonl", permuted_answers("tasks", 2400))
    return [f"instruct.mixture=[{{data: {path}, weight: 0.5}}, {{data: 'builtin:valley-requests', weight: 0.5}}]"]


def model_with_template(field: str, source: str, change: Callable[[str], str]) -> Callable[[Path, Path], list[str]]:
    """A user's model folder, as it was but for its chat template."""

    def prepare(base: Path, run: Path) -> list[str]:
        folder = run.parent / "files/model"
        shutil.copytree(base / source, folder, ignore=shutil.ignore_patterns("manifest.json", "checks.json"))
        template = folder / "chat_template.jinja"
        template.chmod(0o644)
        text = template.read_text()
        assert change(text) != text
        template.write_text(change(text))
        return [f"{field}={folder}"]

    return prepare


def end_outside(template: str) -> str:
    return template.replace(" + '<|end|>' }}{% endgeneration %}", " }}{% endgeneration %}{{ '<|end|>' }}")


def asks_as_user(template: str) -> str:
    return template.replace("{{- '<|assistant|>' }}\n{%- endif %}", "{{- '<|user|>' }}\n{%- endif %}")


def broken_tokenizer(change: Callable[[Path], None]) -> Callable[[Path, Path], list[str]]:
    """A sealed tokenizer whose file is replaced, and looked at again."""

    def prepare(base: Path, run: Path) -> list[str]:
        shutil.copytree(base / "tokenizer", run / "tokenizer")
        (run / "tokenizer/checks.json").unlink()
        for path in (run / "tokenizer").iterdir():
            path.chmod(0o644)
        change(run / "tokenizer")
        return []

    return prepare


def lowercases(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Lowercase"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def ends_outside_answers(folder: Path) -> None:
    template = folder / "chat_template.jinja"
    template.write_text(end_outside(template.read_text()))


def relabelled(change: Callable[[dict[str, Any], random.Random], dict[str, Any]]) -> Callable[[Path, Path], list[str]]:
    """The sound run's pairs as a user's files, with other labels."""

    def prepare(base: Path, run: Path) -> list[str]:
        draws = random.Random(1)
        paths = {
            split: write_rows(run.parent / f"files/{split}.jsonl",
                              [change(row, draws) for row in rows_of(base / f"preferences/{split}.jsonl")])
            for split in ("train", "validation")
        }  # fmt: skip
        return [f"reward.preferences={paths['train']}", f"reward.validation={paths['validation']}"]

    return prepare


def exchanged(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"chosen": row["rejected"], "rejected": row["chosen"]}


def with_scores(row: dict[str, Any]) -> dict[str, Any]:
    return exchanged(row) | {"chosen_score": row["rejected_score"], "rejected_score": row["chosen_score"]}


def coin_tossed(row: dict[str, Any], draws: random.Random) -> dict[str, Any]:
    return with_scores(row) if draws.random() < 0.5 else row


def random_weights(base: Path, run: Path) -> list[str]:
    """A model folder with the right shape and none of the learning."""
    from pipeline.models.loading import load_model, load_tokenizer, new_model, save_model

    source = base / "sft"
    save_model(new_model(load_model(source).config, seed=1), load_tokenizer(source), run.parent / "files/model")
    return [f"evaluate.models=[sft, {run.parent / 'files/model'}]"]


CASES = (
    Case("filters drop everything", "corpus", "step filters dropped all", ("corpus.filters.min_characters=100000",),
         verdict="error"),
    Case("filters drop nearly everything", "corpus", "share kept", ("corpus.filters.min_characters=700",)),
    Case("every document twice", "corpus", "duplicates left",
         ("corpus.sources=[{data: 'builtin:valley', documents: 1500}, {data: 'builtin:valley', documents: 1500}]",
          "corpus.deduplicate={exact: false, near: null}")),
    Case("nothing held out", "corpus", "validation documents", ("corpus.validation=0.000001",)),
    Case("the tokenizer lowercases", "tokenizer", "exact round trip", prepare=broken_tokenizer(lowercases),
         how="file replaced: no setting adds a normalizer"),
    Case("the template ends answers outside the answer", "tokenizer", "chat template",
         prepare=broken_tokenizer(ends_outside_answers), how="file replaced: no setting holds the template"),
    Case("a vocabulary that the text does not fill", "tokenizer", "vocabulary", ("tokenizer.vocab_size=8192",),
         verdict="warn"),
    Case("learning rate x 100", "pretrain", "bigram", ("pretrain.train.learning_rate=0.4",)),
    Case("learning rate / 1000", "pretrain", "unigram", ("pretrain.train.learning_rate=4e-6",), slow=True),
    Case("answers to other requests", "sft", "a prompt tells", prepare=shuffled_requests, how="file"),
    Case("no end token in the loss", "sft", "end token bears loss",
         prepare=model_with_template("sft.model", "pretrain", end_outside), how="file", slow=True),
    Case("asked in another role than taught", "sft", "trained after the prompt",
         prepare=model_with_template("sft.model", "pretrain", asks_as_user), how="file", slow=True),
    Case("learning rate x 100", "sft", "opener_and_lines", ("sft.train.learning_rate=0.3",), verdict="warn", slow=True),
    Case("learning rate / 1000", "sft", "opener_and_lines", ("sft.train.learning_rate=3e-6",), slow=True),
    Case("answers to other questions", "instruct", "a prompt tells", prepare=shuffled_mixture, how="file", slow=True),
    Case("answers to other questions in one of two sources", "instruct", "a prompt tells",
         prepare=shuffled_tasks_alone, how="file", slow=True),
    Case("learning rate x 100", "instruct", "a prompt tells", ("instruct.train.learning_rate=0.3",), verdict="warn", slow=True),
    Case("no end token in the loss", "instruct", "end token bears loss",
         prepare=model_with_template("instruct.model", "sft", end_outside), how="file", slow=True),
    Case("a judge with one score", "preferences", "tied", (f"preferences.judge={JUDGES}:constant",), verdict="error"),
    Case("labels are coin tosses", "preferences", "best possible accuracy", ("preferences.sharpness=0.001",), slow=True),
    Case("a judge that throws dice", "preferences", "agrees with itself", (f"preferences.judge={JUDGES}:dice",), slow=True),
    Case("a judge of places", "preferences", "first answer preferred", (f"preferences.judge={JUDGES}:by_place",), slow=True),
    Case("a judge of length", "preferences", "longer answer", (f"preferences.judge={JUDGES}:length",),
         verdict="warn", slow=True),
    Case("answers all but alike", "preferences", "compared", ("preferences.temperature=0.001",), verdict="error",
         slow=True),
    Case("a policy that was never tuned", "preferences", "answers that end", ("preferences.policy=pretrain",),
         slow=True),
    Case("shuffled labels", "reward", "accuracy", prepare=relabelled(coin_tossed), how="file"),
    Case("chosen and rejected exchanged", "reward", "correlation with the judge",
         prepare=relabelled(lambda row, draws: with_scores(row)), how="file", slow=True),
    Case("learning rate x 100", "reward", "accuracy", ("reward.train.learning_rate=0.3",), verdict="warn", slow=True),
    Case("learning rate / 1000", "reward", "accuracy", ("reward.train.learning_rate=3e-6",), slow=True),
    Case("a constant reward", "ppo", "spread of the reward", (f"ppo.reward={JUDGES}:constant", "ppo.steps=2")),
    Case("learning rate x 100", "ppo", "KL from the reference", ("ppo.learning_rate=0.05",), slow=True),
    Case("a reward that can be gamed, and no penalty", "ppo", "change of grammatical",
         (f"ppo.reward={JUDGES}:repetition", "ppo.kl_coefficient=0", "ppo.learning_rate=3e-3", "ppo.steps=25"), slow=True),
    Case("a reward against the truth", "ppo", "true score", (f"ppo.reward={JUDGES}:contrary",), slow=True),
    Case("a reward for never ending", "ppo", "answers that end",
         (f"ppo.reward={JUDGES}:never_ending", "ppo.scores.missing_end_penalty=0", "ppo.kl_coefficient=0",
          "ppo.learning_rate=2e-3", "ppo.steps=25"), slow=True),
    Case("the wrong model", "evaluate", "answers that end", ("evaluate.models=[sft, pretrain]",)),
    Case("a model with other weights", "evaluate", "perplexity", prepare=random_weights, how="file", slow=True),
)  # fmt: skip


def walk(runs: Path, settings: Sequence[str] = (), until: str | None = None) -> None:
    """`gristmill run` in this process, without its report."""
    recipe = Recipe.load(FAULTS, set=settings)
    run_recipe(recipe.loaded, RunOptions(runs, until=until), CATALOGUE, say=print)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which nothing is broken."""
    runs = tmp_path_factory.mktemp("faults")
    walk(runs, until=LAST)
    return runs / "faults"


def verdicts(run: Path) -> dict[tuple[str, str], str]:
    """What `gristmill status --json` says of each stage's checks, by stage and name."""
    command = [sys.executable, "-m", "pipeline", "status", "--json", str(run)]
    answer = subprocess.run(command, cwd=chain.ROOT, env=chain.ENVIRONMENT, capture_output=True, text=True, check=True)
    states = json.loads(answer.stdout)
    return {(state["id"], check["name"]): check["verdict"] for state in states for check in state["checks"]}


@pytest.fixture(scope="module")
def before(sound: Path) -> dict[tuple[str, str], str]:
    """What the checks of the sound run say."""
    return verdicts(sound)


def copy_sound_stages(sound: Path, run: Path, broken: str) -> None:
    """Everything that does not need the stage to be broken."""
    needing = {broken, *dependents(Recipe.load(FAULTS).loaded, [broken])}
    made = [stage for stage in chain.order(sound) if (sound / stage / "manifest.json").exists()]
    chain.copy_run(sound, run, [stage for stage in made if stage not in needing])


def test_nothing_fails_in_the_sound_run(before: dict[tuple[str, str], str]):
    assert [place for place, verdict in before.items() if verdict == "fail"] == []


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.stage}: {case.name}", marks=[pytest.mark.slow] if case.slow else [])
        for case in CASES
    ],
)
def test_the_stage_at_fault_is_named(sound: Path, before: dict[tuple[str, str], str], tmp_path: Path, case: Case):
    run = tmp_path / "runs/faults"
    copy_sound_stages(sound, run, case.stage)
    settings = [*case.settings, *(case.prepare(sound, run) if case.prepare else [])]
    message = ""
    try:
        walk(run.parent, settings, until=case.stage if case.verdict == "warn" else None)
    except PipelineError as error:
        message = str(error)
    new = {place: verdict for place, verdict in verdicts(run).items() if verdict not in ("pass", before.get(place))}
    print(f"{case.stage} | {case.name} | {case.how} | {message or new}")
    if case.verdict == "error":
        assert message.startswith(f"stages.{case.stage}: ") and case.check in message
        assert not (run / case.stage / "manifest.json").exists() and not new
        return
    assert {stage for stage, _ in new} == {case.stage}, new
    told = {verdict for (_, name), verdict in new.items() if case.check in name}
    assert told & {case.verdict, "fail"}, new
    if case.verdict == "fail":
        assert message.startswith(f"stage '{case.stage}' is at fault")
