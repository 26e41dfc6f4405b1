"""Whether a training is compiled: decided once, told, and given up where it does not work."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from pipeline.core.progress import Progress
from pipeline.core.stage import Runtime, StageContext
from pipeline.training import compilation
from pipeline.training.choices import FILE, choose
from pipeline.training.compilation import settle_compilation, wants_compilation
from tests.unit.stages.tiny import make_context
from tests.unit.training.test_choices import SHAPE

MINUTE, HOUR = 60.0, 3600.0


class Told(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__("pretrain", quiet=True)
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


class Trial:
    """Stands for compiling and trying it."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.times = fault, 0

    def __call__(self) -> None:
        self.times += 1
        torch.rand(3)
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def context(tmp_path, told, monkeypatch) -> StageContext:
    monkeypatch.setattr(compilation, "has_compiler", lambda: True)
    return replace(make_context(tmp_path), progress=told)


@pytest.mark.parametrize(
    ("wish", "seconds", "wanted"),
    [("auto", MINUTE, False), ("auto", HOUR, True), (True, MINUTE, True), (False, HOUR, False)],
)
def test_a_training_is_compiled_where_it_pays_or_is_wished(wish, seconds, wanted, monkeypatch):
    monkeypatch.setattr(compilation, "has_compiler", lambda: True)
    assert wants_compilation(Runtime(compile=wish), seconds)[0] == wanted


def test_without_a_compiler_it_is_said_once_and_not_compiled(tmp_path, told, monkeypatch):
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    wishing, trial = replace(make_context(tmp_path), progress=told, runtime=Runtime(compile=True)), Trial()
    choices = choose(wishing, SHAPE, 8)
    told.notes.clear()
    assert settle_compilation(choices, wishing, HOUR, trial).compiled is False
    assert trial.times == 0
    assert len(told.notes) == 1
    assert "no C++ compiler" in told.notes[0]


def test_a_compiler_that_fails_is_told_in_a_line_and_training_goes_on(context, told):
    settled = settle_compilation(choose(context, SHAPE, 8), context, HOUR, Trial(RuntimeError("no\nlines of C++")))
    assert settled.compiled is False
    assert told.notes[-1] == "goes on uncompiled: RuntimeError: no"


def test_what_was_settled_is_used_again_however_long_it_takes_by_now(context):
    trial = Trial()
    assert settle_compilation(choose(context, SHAPE, 8), context, HOUR, trial).compiled
    assert json.loads((context.work / FILE).read_text())["compiled"] is True
    assert settle_compilation(choose(context, SHAPE, 8), context, MINUTE, trial).compiled
    assert trial.times == 2  # a new process has nothing compiled


def test_resuming_where_compiling_no_longer_works_is_said_to_be_inexact(context):
    settle_compilation(choose(context, SHAPE, 8), context, HOUR, Trial())
    again = settle_compilation(choose(context, SHAPE, 8), context, HOUR, Trial(RuntimeError("gone")))
    assert again.compiled is False
    assert again.inexact == "resumed where compiling fails: RuntimeError: gone"


def test_trying_leaves_the_generator_as_it_was(context):
    before = torch.get_rng_state()
    settle_compilation(choose(context, SHAPE, 8), context, HOUR, Trial())
    assert torch.equal(torch.get_rng_state(), before)
