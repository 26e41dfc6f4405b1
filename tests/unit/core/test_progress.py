"""The line that moves while a stage runs, where nobody looks: one plain line every so many seconds."""

from __future__ import annotations

import io
import time

import pytest

from pipeline.core.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def counted(clock: list[float], *updates: tuple[float, float | None, str]) -> list[str]:
    """The lines that are printed when ten seconds pass between two updates."""
    stream = io.StringIO()
    progress = Progress("[1/1] mill", interval=10, stream=stream)
    for done, total, unit in updates:
        progress.update(done, total, unit=unit, loss=1.23456)
        clock[0] += 10
    return stream.getvalue().splitlines()


def test_a_line_tells_place_rate_time_left_and_figures(clock: list[float]):
    updates = [(100, 4000, "step"), (600, 4000, "step")]
    assert counted(clock, *updates) == ["  [1/1] mill: 600/4,000 steps, 50/s, 1 min 08 s left, loss 1.235"]


def test_another_count_of_the_same_unit_has_a_rate_of_its_own(clock: list[float]):
    said = counted(clock, (4000, 4800, "pair"), (4800, 4800, "pair"), (100, 600, "pair"), (600, 600, "pair"))
    assert [line.split(", ")[1] for line in said] == ["80/s", "50/s"]


def test_without_a_total_the_count_alone_is_shown(clock: list[float]):
    assert counted(clock, (10, None, "page"), (20, None, "page")) == ["  [1/1] mill: 20 pages, 1/s, loss 1.235"]


def test_a_process_that_is_to_be_quiet_is(clock: list[float], capsys: pytest.CaptureFixture[str]):
    progress = Progress("[1/1] mill", quiet=True, interval=0)
    progress.update(1, 2)
    progress.note("x")
    assert capsys.readouterr().err == ""
