"""From first step to last: this process's batches, lines of `metrics.jsonl`, checkpoints, going on after a kill."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.core.errors import StageError
from pipeline.core.stage import StageContext
from pipeline.stages.pretrain.arrangement import Collate
from pipeline.stages.pretrain.learner import Batch, Learner, StepFigures
from pipeline.stages.pretrain.monitor import Monitor, shown
from pipeline.stages.pretrain.packing import PackedRows
from pipeline.training.checkpoints import (
    Cadence,
    checkpoint_folder,
    keep_newest,
    mark_complete,
    newest_complete,
    resumed_from,
)
from pipeline.training.memory import is_out_of_memory
from pipeline.training.metrics import RowLog
from pipeline.training.rows import RowPlan
from pipeline.training.strategy import data_share

_NAMED = 8
"""Documents that an error names."""


@dataclass
class Since:
    """What was learned since the last line was logged."""

    losses: list[Tensor] = field(default_factory=list)
    """Nats of this process's tokens, step by step; read when a line is logged, so that no step waits for it."""
    tokens: int = 0
    """Tokens of all processes that bear loss."""


@dataclass
class Loop:
    """A whole training, as one of its processes runs it."""

    learner: Learner
    rows: PackedRows
    plan: RowPlan
    collate: Collate
    micro_batch: int
    log_every: int
    cadence: Cadence
    monitor: Monitor
    context: StageContext
    log: RowLog = field(init=False)

    def __post_init__(self) -> None:
        """The log is this training's own."""
        self.log = RowLog(self.context)

    def run(self) -> None:
        """Train to the end, from the newest complete checkpoint if there is one.

        Raises:
            StageError: when the loss is no longer a number; on every process.
        """
        self._resume()
        since, started = Since(), time.monotonic()
        for step in range(self.learner.done, self.plan.steps):
            tokens = self.rows.loss_tokens(self.plan.order[step])
            figures = self._step(step, tokens)
            since.losses.append(figures.loss)
            since.tokens += tokens
            done = step + 1
            logs = done % self.log_every == 0 or done == self.plan.steps
            if logs:
                self._log(done, since, figures, time.monotonic() - started)
                since = Since()
            if self.cadence.due(done) or done == self.plan.steps:
                self._checkpoint(done)
            if logs:
                self.monitor.start_clock(done)
        self.log.end()

    def _step(self, step: int, tokens: int) -> StepFigures:
        try:
            return self.learner.step(list(self.micro_batches(step)), tokens)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            size, share = self.micro_batch, len(self.plan.order[step]) // data_share(self.context.processes)[1]
            smaller = next((count for count in range(size // 2, 0, -1) if share % count == 0), None)
            way_on = f"give `runtime: {{micro_batch: {smaller}}}`" if smaller else "give a smaller decoder or context"
            raise StageError(f"out of memory at step {step + 1} with a micro-batch of {size}; {way_on}") from None

    def micro_batches(self, step: int) -> Iterator[Batch]:
        """The part of a global batch that is this process's."""
        (part, parts), device = data_share(self.context.processes), self.learner.accelerator.device
        share = len(self.plan.order[step]) // parts
        rows = self.plan.order[step][part * share : (part + 1) * share]
        for first in range(0, share, self.micro_batch):
            batch = self.collate([self.rows[row] for row in rows[first : first + self.micro_batch].tolist()])
            yield {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}

    def _nats(self, since: Since, done: int) -> float:
        losses = torch.stack(since.losses)
        if data_share(self.context.processes)[1] > 1:
            losses = self.learner.accelerator.reduce(losses, "sum")
        assert isinstance(losses, Tensor)
        bad = losses.isfinite().logical_not().nonzero()
        if len(bad):
            raise self._not_a_number(done - len(since.losses) + int(bad[0]), losses[bad[0]].item())
        return losses.sum().item()

    def _not_a_number(self, step: int, loss: float) -> StageError:
        """Where the loss was lost, in what text, and what is left to go on from."""
        documents = self.rows.documents(self.plan.order[step])
        named = ", ".join(map(str, documents[:_NAMED])) + (", …" if len(documents) > _NAMED else "")
        newest = newest_complete(checkpoint_folder(self.context.work))
        left = f"{newest.name} is the last good state" if newest else "no checkpoint was written before"
        return StageError(
            f"step {step + 1}: the loss is {loss}, on the corpus' training documents {named} (counted from 0); {left}. "
            "Lower train.learning_rate, lengthen train.warmup_steps or lower train.max_grad_norm"
        )

    def _log(self, done: int, since: Since, figures: StepFigures, seconds: float) -> None:
        nats = self._nats(since, done)
        row = {
            "step": done,
            "tokens": self.plan.tokens_at(done),
            "loss": nats / since.tokens,
            "learning_rate": figures.learning_rate,
            "grad_norm": figures.grad_norm.item(),
            **self.monitor.line(done, nats, since.tokens),
            "seconds": round(seconds, 3),
        }
        self.context.progress.update(done, self.plan.steps, "step", **shown(row))
        self.log.append(row)

    def _checkpoint(self, done: int) -> None:
        folder = checkpoint_folder(self.context.work)
        checkpoint = folder / f"checkpoint-{done}"
        checkpoint.mkdir(parents=True, exist_ok=True)
        self.learner.save(checkpoint)
        mark_complete(checkpoint, self.context.processes)
        if self.context.processes.is_main:
            keep_newest(folder)

    def _resume(self) -> None:
        newest = resumed_from(self.context)
        if newest is not None:
            self.learner.load(newest)
        self.log.begin(self.learner.done)
        self.monitor.begin(self.learner.done)
