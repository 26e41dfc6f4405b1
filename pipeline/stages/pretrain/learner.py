"""Optimizer steps of a decoder: micro-batches, one clipped step, a schedule; and its state, for checkpoints.

A loop of our own on Accelerate: transformers' Trainer adds more than a twentieth to the step of a small model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.core.errors import StageError
from pipeline.stages.pretrain.config import PretrainTrain
from pipeline.stages.pretrain.optimizers import make_optimizers, scale_learning_rates
from pipeline.stages.pretrain.packing import NO_LOSS
from pipeline.training.accelerator import accumulating, shard
from pipeline.training.engine import backward, engine_of, load_sharded, save_sharded, take_step
from pipeline.training.schedules import learning_rate_factor, warmup_steps_of
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pipeline.models.decoder import DecoderForCausalLM

WEIGHTS, STATE = "weights.safetensors", "state.pt"
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class StepFigures:
    """What one optimizer step did."""

    loss: Tensor
    """Nats, summed over this process's tokens that bear loss."""
    grad_norm: Tensor
    """Of the whole gradient, before clipping."""
    learning_rate: float


class Learner:
    """A decoder with its optimizers."""

    def __init__(self, model: DecoderForCausalLM, train: PretrainTrain, steps: int, accelerator: Accelerator) -> None:
        """`accelerator` is built with one accumulation step; micro-batches are accumulated here."""
        assert accelerator.gradient_accumulation_steps == 1
        self.model = model.train()
        self.train, self.steps, self.accelerator = train, steps, accelerator
        self.warmup_steps = warmup_steps_of(train, steps)
        self.loss = LanguageLoss(model, train.z_loss)
        self.limit = train.max_grad_norm or float("inf")
        self.averaged_over = strategy().share_of_data(0, accelerator.num_processes)[1]
        if strategy().is_deepspeed:
            self.optimizers = make_optimizers(model, train)
            self.network: Any = engine_of(self.loss, self.optimizers[0], self.limit, accelerator)
        else:
            self.network = shard(self.loss, accelerator)
            self.optimizers = make_optimizers(model, train)
        self.done = 0

    def step(self, micro_batches: Sequence[Batch], tokens: int) -> StepFigures:
        """One step down the mean loss over the `tokens` that bear loss, in the micro-batches of all processes."""
        total = torch.zeros((), device=self.accelerator.device)
        for index, batch in enumerate(micro_batches):
            last = index == len(micro_batches) - 1
            with accumulating(self.accelerator, self.network, last):
                loss = self._loss(batch, total)
                # Data parallelism averages gradients over processes; times their number, the average is a sum.
                backward(self.network, loss / tokens * self.averaged_over, self.accelerator)
        factor = learning_rate_factor(
            self.train.schedule, self.done, self.steps, self.warmup_steps, self.train.decay_share
        )
        scale_learning_rates(self.optimizers, factor)
        grad_norm = take_step(self.network, self.optimizers, self.model.parameters(), self.limit, self.accelerator)
        self.done += 1
        return StepFigures(total, grad_norm, self.train.learning_rate * factor)

    def _loss(self, batch: Batch, total: Tensor) -> Tensor:
        """What is minimised on one micro-batch; the loss of language alone is added to `total`."""
        with self.accelerator.autocast():
            loss, regular = self.network(**batch)
        total += loss.detach()
        return loss + regular

    def compile(self, batch: Batch) -> None:
        """Compile the model with its loss, and pass `batch` through it forwards and backwards for nothing.

        Left as it was when that fails. Below data parallelism, so that accumulating needs no second graph.
        """
        self.loss.compute = torch.compile(self.loss.eager, dynamic=False)
        try:
            with accumulating(self.accelerator, self.network, last=False):
                self.accelerator.backward(self._loss(batch, torch.zeros((), device=self.accelerator.device)))
        except RuntimeError:
            self.loss.compute = self.loss.eager
            raise
        finally:
            self.model.zero_grad()

    def save(self, folder: Path) -> None:
        """Write weights and the optimizers' states; every process calls it, and writes the part that it holds."""
        state: dict[str, Any] = {"done": self.done, "generator": torch.get_rng_state()}
        if strategy().shards:
            save_sharded(folder, self.network, self.optimizers)
        elif self.accelerator.is_main_process:
            save_file({name: weights.detach() for name, weights in self.model.named_parameters()}, folder / WEIGHTS)
            state["optimizers"] = [optimizer.state_dict() for optimizer in self.optimizers]
        if self.accelerator.is_main_process:
            torch.save(state, folder / STATE)

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            StageError: if it is the checkpoint of another model.
        """
        state = torch.load(folder / STATE, weights_only=True)
        if strategy().shards:
            load_sharded(folder, self.network, self.optimizers)
        else:
            self._load_whole(folder, state["optimizers"])
        self.done = state["done"]
        torch.set_rng_state(state["generator"])

    def _load_whole(self, folder: Path, states: Sequence[dict[str, Any]]) -> None:
        weights = load_file(folder / WEIGHTS)
        own = dict(self.model.named_parameters())
        for name in sorted({*own, *weights}):
            here, there = (list(part[name].shape) if name in part else "missing" for part in (own, weights))
            if here != there:
                raise StageError(
                    f"{folder}: a checkpoint of another model: {name} is {there} there and {here} here; "
                    "remove the checkpoints to train from the start"
                )
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(weights[name])
        for optimizer, saved in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(saved)


class LanguageLoss(nn.Module):
    """A decoder with its loss, so that one graph holds both when they are compiled."""

    def __init__(self, model: DecoderForCausalLM, z_loss: float) -> None:
        """`z_loss` as in `next_token_loss`."""
        super().__init__()
        self.model, self.z_loss = model, z_loss
        self.compute: Callable[..., tuple[Tensor, Tensor]] = self.eager
        """`eager`, or what it was compiled to."""

    def forward(self, **batch: Tensor) -> tuple[Tensor, Tensor]:
        """What `next_token_loss` says of a batch."""
        return self.compute(**batch)

    def eager(self, labels: Tensor, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The same, operation by operation."""
        logits = self.model(**inputs, use_cache=False).logits
        return next_token_loss(logits.float(), labels, self.z_loss)


def next_token_loss(logits: Tensor, labels: Tensor, z_loss: float = 0.0) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the next token, summed, and `z_loss` times the sum of squared log-normalisers.

    Logits are (batch, length, vocabulary), labels (batch, length) with -100 where none bears loss; or one longer, where
    the last token is predicted but not read. The second loss keeps the logits from drifting
    (https://arxiv.org/abs/2204.02311, section 5).
    """
    targets = labels[:, 1:]
    predictions = logits[:, : targets.shape[1]].flatten(0, 1)
    targets = targets.flatten()
    loss = cross_entropy(predictions, targets, ignore_index=NO_LOSS, reduction="sum")
    if not z_loss:
        return loss, torch.zeros_like(loss)
    normalisers = predictions.logsumexp(-1)[targets != NO_LOSS]
    return loss, z_loss * normalisers.square().sum()
