from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline import Recipe, RecipeError
from pipeline.core.artifact import artifact_files, write_json
from pipeline.core.errors import StageError
from pipeline.core.plan import IDENTITY
from pipeline.core.stage import Inputs, Runtime, StageContext
from pipeline.stages import sft
from pipeline.stages.ppo.stage import run as run_ppo
from pipeline.stages.sft.stage import run as run_sft
from pipeline.training import trackers
from pipeline.training.metrics import RowLog, read_rows
from tests.learning import ppo_chain
from tests.unit.stages.tiny import FakeRank, make_context, save_tiny_model, write_jsonl
from tests.unit.training.killing import Killed, KillingProgress

ROOT = Path(__file__).parents[3]
ROWS = [{"step": step, "tokens": 100 * step, "loss": 3.0 / step, "seconds": 0.5 * step} for step in (2, 4, 6, 8)]
SETTINGS = {"model": {"path": "base"}, "train": {"steps": 8, "learning_rate": 1e-3, "epochs": None}, "packing": False}


class Fake:
    """A tracker that only remembers."""

    opened: list[Fake]

    def __init__(self, place: trackers.Place, identity: str | None) -> None:
        self.place, self.resumed = place, identity
        self.config: dict[str, Any] | None = None
        self.rows: list[dict[str, Any]] = []
        self.finished = False

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        self.config = values

    def log(self, values: dict[str, Any], step: int) -> None:
        self.rows.append({"step": step, **values})

    def finish(self) -> None:
        self.finished = True


@pytest.fixture
def opened(monkeypatch):
    """The fakes that were opened, in order; each gives its place in it as its identity."""
    made: list[Fake] = []

    def open_fake(place: trackers.Place, identity: str | None) -> tuple[Fake, str]:
        made.append(Fake(place, identity))
        return made[-1], identity or str(len(made))

    monkeypatch.setattr(trackers, "_OPEN", {"trackio": open_fake, "wandb": open_fake})
    return made


def tracked(context: StageContext, *names: str) -> StageContext:
    """The context with these trackers, whether or not they are installed, and the record of its settings."""
    context.work.mkdir(parents=True, exist_ok=True)
    write_json(context.work / IDENTITY, {"settings": SETTINGS})
    return replace(context, runtime=Runtime.model_construct(trackers=names))


def log(context: StageContext, after: int, *steps: int, finish: bool = True) -> None:
    """Log the rows of these steps, of a training that starts after step `after`."""
    rows = RowLog(context)
    rows.begin(after)
    for row in ROWS:
        if row["step"] in steps:
            rows.append(row)
    if finish:
        rows.end()


def test_a_tracker_gets_the_rows_of_the_file_and_the_settings(tmp_path, opened):
    context = tracked(make_context(tmp_path / "tiny/sft"), "trackio", "wandb")
    log(context, 0, 2, 4, 6, 8)
    for fake in opened:
        assert fake.rows == read_rows(context.output / "metrics.jsonl") == ROWS
        assert fake.finished
        assert fake.place.name == "tiny/sft"
        assert fake.config == {
            "seed": 17, "model.path": "base", "train.steps": 8, "train.learning_rate": 1e-3, "train.epochs": "null",
            "packing": False,
        }  # fmt: skip


def test_trackers_write_beside_the_stages_and_into_no_artifact(tmp_path, opened):
    context = tracked(make_context(tmp_path / "tiny/sft"), "trackio")
    log(context, 0, 2)
    assert opened[0].place.folder == tmp_path / "tiny/.trackers/trackio"
    assert artifact_files(context.output) == [context.output / "metrics.jsonl"]


def test_no_tracker_and_no_folder_by_default(tmp_path, opened):
    context = make_context(tmp_path / "tiny/sft")
    log(context, 0, 2)
    assert not opened
    assert not (tmp_path / "tiny/.trackers").exists()


def test_a_row_is_never_sent_twice_when_training_goes_on(tmp_path, opened):
    context = tracked(make_context(tmp_path / "tiny/sft"), "trackio")
    log(context, 0, 2, 4, 6, finish=False)
    log(context, 2, 4, 6, 8)
    first, second = opened
    assert (first.resumed, second.resumed, second.config) == (None, "1", None)
    assert first.rows + second.rows == ROWS == read_rows(context.output / "metrics.jsonl")


def test_a_tracker_that_joins_later_is_told_what_was_before(tmp_path, opened):
    context = make_context(tmp_path / "tiny/sft")
    log(tracked(context, "trackio"), 0, 2, 4, 6)
    log(tracked(context, "trackio", "wandb"), 4, 6, 8)
    _, had, joined = opened
    assert [row["step"] for row in had.rows] == [8]
    assert joined.rows == ROWS
    assert joined.config is not None


def test_a_stage_that_is_made_again_is_another_run_of_the_tracker(tmp_path, opened):
    context = make_context(tmp_path / "tiny/sft")
    log(tracked(context, "trackio"), 0, 2, 4)
    context.output.rename(tmp_path / "old")
    log(tracked(make_context(tmp_path / "tiny/sft"), "trackio"), 0, 2, 4)
    assert [fake.resumed for fake in opened] == [None, None]
    assert opened[0].rows == opened[1].rows


def test_only_the_main_process_opens_trackers_and_writes(tmp_path, opened):
    context = tracked(make_context(tmp_path / "tiny/sft", processes=FakeRank(1, 2)), "trackio")
    log(context, 0, 2, 4)
    assert not opened
    assert not (context.output / "metrics.jsonl").exists()


def test_a_supervised_training_killed_and_resumed_is_one_run_to_the_tracker(tmp_path, opened):
    chat = [{"prompt": f"Write about the {name}", "completion": f"The {name}."} for name in ("mill", "rye")] * 12
    inputs = Inputs(
        model=save_tiny_model(tmp_path / "base"), data=write_jsonl(tmp_path / "c.jsonl", chat), validation=0.1
    )
    train = {"steps": 8, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4}
    config = sft.Config.model_validate({"model": "base", "data": "c", "train": train, "sampled_answers": 2})
    context = tracked(make_context(tmp_path / "tiny/sft"), "trackio")
    with pytest.raises(Killed):
        run_sft(config, inputs, replace(context, progress=KillingProgress(7)))
    run_sft(config, inputs, context)
    sent = [row for fake in opened for row in fake.rows]
    rows = read_rows(context.output / "metrics.jsonl")
    assert len(opened) == 2
    assert without_clock(sent) == without_clock(rows)
    assert [row["step"] for row in rows] == list(range(1, 9))


def test_ppo_sends_the_rows_that_it_writes(tmp_path, opened):
    policy, prompts = ppo_chain.write_policy(tmp_path / "policy"), ppo_chain.write_prompts(tmp_path / "prompts.jsonl")
    context = tracked(ppo_chain.context(tmp_path / "tiny/ppo"), "trackio")
    run_ppo(ppo_chain.settings(), ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), prompts), context)
    assert opened[0].rows == read_rows(context.output / "metrics.jsonl")
    assert len(opened[0].rows) > 1
    assert opened[0].finished


def without_clock(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_tracker_that_does_not_start_is_a_users_error():
    class Offline:
        name = "wandb"

        def start(self) -> None:
            raise ConnectionError("no network\nand much more")

    with pytest.raises(StageError, match=r"runtime\.trackers: wandb does not start: no network; set it up or leave"):
        trackers._started(Offline())


def problems(*trackers: str) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        Recipe.load(ROOT / "recipes/tiny.yaml", set=[f"runtime.trackers=[{', '.join(trackers)}]"])
    return [str(problem) for problem in caught.value.problems]


def test_an_unknown_tracker_is_a_fault_of_the_recipe():
    (problem,) = problems("tensorbord")
    assert "runtime.trackers.0" in problem
    assert "'trackio', 'tensorboard', 'wandb' or 'mlflow'" in problem


def test_a_tracker_that_is_not_installed_is_named_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (problem,) = problems("trackio")
    assert "runtime.trackers: trackio is not installed; `pip install 'gristmill[trackio]'` brings it" in problem


def test_a_folder_of_the_trackers_name_is_no_package(monkeypatch, tmp_path):
    """wandb leaves `./wandb` where it ran, and Python would take it for a package."""
    if importlib.util.find_spec("wandb") is not None:
        pytest.skip("wandb is installed")
    (tmp_path / "wandb").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert importlib.util.find_spec("wandb") is not None
    assert "wandb is not installed" in problems("wandb")[0]


def test_the_extras_bring_each_tracker():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for name in trackers._OPEN:
        assert [dependency.split(">")[0] for dependency in extras[name]] == [name]


def test_tensorboards_own_files_hold_the_rows_of_a_training_that_was_resumed(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    context = replace(tracked(make_context(tmp_path / "tiny/sft")), runtime=Runtime(trackers=("tensorboard",)))
    log(context, 0, 2, 4, 6, finish=False)
    log(context, 2, 4, 6, 8)
    (folder,) = (tmp_path / "tiny/.trackers/tensorboard/tiny/sft").iterdir()
    read = events.EventAccumulator(str(folder))
    read.Reload()
    for name in ("loss", "tokens", "seconds"):
        points = [(event.step, event.value) for event in read.Scalars(name)]
        assert points == [(row["step"], pytest.approx(row[name])) for row in ROWS]
    (written,) = folder.rglob("hparams.yml")
    assert "train.learning_rate: 0.001" in written.read_text()
    assert json.loads((context.work / "trackers.json").read_text()) == {"tensorboard": folder.name}
