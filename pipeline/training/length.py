"""How many steps a training takes. Imports no torch, so that a plan counts as the training does."""

from __future__ import annotations

from pipeline.core.errors import StageError
from pipeline.training.config import TrainConfig


def steps_of(train: TrainConfig, rows: int, tokens_per_row: float) -> int:
    """The number of optimizer steps that `train` asks for, given so many rows of so many tokens on average.

    Raises:
        StageError: if the rows do not fill one global batch.
    """
    batch_size = train.global_batch_size
    if rows < batch_size:
        raise StageError(f"{rows} rows are fewer than one global batch of {batch_size}; "
                         f"lower train.global_batch_size or bring more data")  # fmt: skip
    if train.steps is not None:
        return train.steps
    if train.tokens is not None:
        return max(1, int(train.tokens / (batch_size * tokens_per_row)))
    assert train.epochs is not None
    return max(1, int(train.epochs * (rows // batch_size)))


def logging_interval(train: TrainConfig, steps: int) -> int:
    """Steps between lines of `metrics.jsonl`: as asked, but ten lines at least of a short training."""
    return min(train.log_every, max(1, steps // 10))
