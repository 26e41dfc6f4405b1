"""trl's SFTTrainer for rows that are tokens and labels already, and the losses of rows outside of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer
from trl import SFTConfig, SFTTrainer, pack_dataset

from pipeline.core.stage import StageContext
from pipeline.models.loading import require_pad_token
from pipeline.training.arguments import training_arguments
from pipeline.training.choices import Choices
from pipeline.training.config import TrainConfig
from pipeline.training.order import OrderedRows
from pipeline.training.parted import PartedCheckpoints

NO_LOSS = -100


class SupervisedTrainer(OrderedRows, PartedCheckpoints, SFTTrainer):
    """trl's SFTTrainer, reading rows in our order, with the loss of transformers' Trainer.

    Overrides `compute_loss`: trl's computes entropy and token accuracy at every step,
    a quarter of a small model's time.
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The model's own loss over the labels: their sum over the count of the whole global batch."""
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)


class PaddedRows:
    """Collates rows: ids and labels, each (batch, longest), padded right.

    No attention mask: no token sees what comes after it, and padding bears no loss.
    """

    def __init__(self, pad_id: int) -> None:
        """Rows are filled up with `pad_id`."""
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, Tensor]:
        """The batch of `rows`."""
        length = max(len(row["input_ids"]) for row in rows)
        return {
            "input_ids": _padded([row["input_ids"] for row in rows], length, self.pad_id),
            "labels": _padded([row["labels"] for row in rows], length, NO_LOSS),
        }


def _padded(rows: Sequence[list[int]], length: int, value: int) -> Tensor:
    return torch.tensor([row + [value] * (length - len(row)) for row in rows])


def supervised_trainer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    train: TrainConfig,
    steps: int,
    choices: Choices,
    context: StageContext,
) -> SupervisedTrainer:
    """A trainer over `rows` (columns input_ids and labels; seq_lengths too when they are packed)."""
    packed = "seq_lengths" in rows.column_names
    arguments = SFTConfig(
        **training_arguments(train, steps, choices, context),
        max_length=None,  # rows were checked against the context; nothing is cut
        padding_free=packed,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return SupervisedTrainer(
        model=model,
        args=arguments,
        train_dataset=rows,
        processing_class=tokenizer,
        data_collator=None if packed else PaddedRows(require_pad_token(tokenizer)),
    )


@torch.no_grad()
def mean_loss(
    model: PreTrainedModel, input_ids: Sequence[list[int]], labels: Sequence[list[int]], batch_size: int = 32
) -> float:
    """Nats per token that bears loss, over all rows; the model in evaluation mode for the time."""
    was_training = model.training
    model.eval()
    order = sorted(range(len(input_ids)), key=lambda row: len(input_ids[row]))
    total, count = 0.0, 0
    collate = PaddedRows(0)
    for start in range(0, len(order), batch_size):
        rows = [{"input_ids": input_ids[i], "labels": labels[i]} for i in order[start : start + batch_size]]
        batch = {name: values.to(model.device) for name, values in collate(rows).items()}
        bearing = int((batch["labels"][:, 1:] != NO_LOSS).sum())
        total += float(model(**batch, use_cache=False).loss) * bearing
        count += bearing
    model.train(was_training)
    return total / count


def token_rows(input_ids: list[list[int]], labels: list[list[int]]) -> Dataset:
    """Rows for the trainer, one conversation each."""
    return Dataset.from_dict({"input_ids": input_ids, "labels": labels})


def packed_rows(rows: Dataset, context_length: int) -> Dataset:
    """Rows of up to `context_length` tokens (best fit), each of whole conversations that do not see one another."""
    return pack_dataset(rows, context_length, strategy="bfd")
