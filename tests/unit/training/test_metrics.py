from __future__ import annotations

import pytest
from transformers import TrainerControl, TrainerState

from pipeline.core.errors import StageError
from pipeline.training.metrics import Metrics, append_row, read_rows, truncate_rows
from tests.unit.stages.tiny import make_context


def test_rows_after_the_resumed_step_are_forgotten(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (5, 10, 15):
        append_row(path, {"step": step})
    truncate_rows(path, 10)
    assert [row["step"] for row in read_rows(path)] == [5, 10]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 5}\n{"step": 1')
    truncate_rows(path, 99)
    assert path.read_text() == '{"step": 5}\n'


def test_a_loss_that_is_no_number_stops_training(tmp_path):
    metrics = Metrics(make_context(tmp_path), tokens_at=lambda step: step)
    with pytest.raises(StageError, match=r"step 3: the loss is nan; lower train\.learning_rate"):
        metrics.on_log(None, TrainerState(global_step=3), TrainerControl(), {"loss": float("nan")})
