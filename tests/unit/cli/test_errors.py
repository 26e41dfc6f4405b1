"""Who of a launch's processes says what went wrong."""

from __future__ import annotations

import pytest
import typer

from pipeline.cli import errors
from pipeline.core.errors import StageError


@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_process_that_fails_alone_says_it_after_rank_0_had_its_time(
    rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    waited: list[float] = []
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(errors.time, "sleep", waited.append)
    with pytest.raises(typer.Exit), errors.user_errors():
        raise StageError("stages.sft: this and no other")
    assert "this and no other" in capsys.readouterr().err
    assert bool(waited) == (rank == "1")
