from __future__ import annotations

from pipeline.core.stage import SingleProcess
from pipeline.training.checkpoints import Cadence, discard_incomplete, mark_complete, newest_complete


def write(folder, step, complete=True):
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state").write_text(str(step))
    if complete:
        mark_complete(checkpoint, SingleProcess())
    return checkpoint


def test_only_marked_checkpoints_count_and_the_highest_step_wins(tmp_path):
    write(tmp_path, 9)
    newest = write(tmp_path, 10)
    write(tmp_path, 11, complete=False)
    assert newest_complete(tmp_path) == newest


def test_incomplete_checkpoints_are_discarded(tmp_path):
    whole, half = write(tmp_path, 1), write(tmp_path, 2, complete=False)
    discard_incomplete(tmp_path)
    assert whole.exists() and not half.exists()


def test_no_folder_means_no_checkpoint(tmp_path):
    discard_incomplete(tmp_path / "none")
    assert newest_complete(tmp_path / "none") is None


def test_checkpoints_fall_on_logged_steps():
    cadence = Cadence(every=7, log_every=5, model_bytes=0, processes=SingleProcess())
    assert [step for step in range(1, 31) if cadence.due(step)] == [10, 20, 30]


def test_the_automatic_interval_is_a_multiple_of_the_logged_steps():
    cadence = Cadence(every="auto", log_every=5, model_bytes=0, processes=SingleProcess())
    due = [cadence.due(step) for step in range(1, 20)]
    assert not any(due[:11])
    assert cadence.interval and cadence.interval % 5 == 0
