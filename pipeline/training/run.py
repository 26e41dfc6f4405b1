"""Run a library's trainer to its end: go on where a killed run stopped, keep checkpoints and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from transformers import PrinterCallback, TrainerCallback

from pipeline.core.errors import StageError
from pipeline.core.stage import StageContext
from pipeline.training.accelerator import blocks_of, require_sharded, require_strategy
from pipeline.training.checkpoints import Cadence, Checkpoints, resumed_from
from pipeline.training.choices import Choices
from pipeline.training.config import TrainConfig
from pipeline.training.metrics import METRICS, Metrics, read_rows
from pipeline.training.order import Order
from pipeline.training.strategy import strategy
from pipeline.training.tensor_parallel import cut_models
from pipeline.training.whole import Whole


class OrderedTrainer(Protocol):
    """A transformers Trainer with the mixin `OrderedRows`."""

    row_order: Order
    model: Any
    accelerator: Any
    args: Any
    is_distributed_loading_by_transformers: bool

    def train(self, resume_from_checkpoint: str | None = None) -> Any:
        """Run the training loop."""
        ...

    def add_callback(self, callback: Any) -> None:
        """Have the loop call `callback`."""
        ...

    def remove_callback(self, callback: Any) -> None:
        """Have the loop no longer call callbacks of this class."""
        ...


def train(
    trainer: OrderedTrainer,
    config: TrainConfig,
    order: Order,
    choices: Choices,
    tokens_at: Callable[[int], int],
    context: StageContext,
) -> dict[str, Any]:
    """Train `trainer.model` on the rows of `order`, and say how it went: metrics for the manifest.

    Afterwards `trainer.model` is whole on every process, also where the training sharded it.
    Killed at any moment and called again with the same arguments, it ends with the same weights and `metrics.jsonl`.
    """
    processes = context.processes
    if trainer.accelerator.num_processes != processes.world_size:
        raise StageError(f"the trainer runs on {trainer.accelerator.num_processes} processes where the launch has "
                         f"{processes.world_size}; see the accelerate configs beside the recipes")  # fmt: skip
    require_strategy(trainer.accelerator)
    if strategy().name == "fsdp2":
        trainer.accelerator.state.fsdp_plugin.transformer_cls_names_to_wrap = sorted(blocks_of(trainer.model))
    trainer.row_order = order
    trainer.remove_callback(PrinterCallback)  # transformers' own, which prints every log
    trainer.add_callback(Metrics(context, tokens_at))
    trainer.add_callback(Checkpoints(cadence_of(trainer, config, context), processes))
    trainer.add_callback(Sharded())
    whole = Whole(trainer.model)
    if strategy().name == "tp":
        cut_models(trainer.model)
        trainer.is_distributed_loading_by_transformers = True  # the trainer then leaves the parts where they are
    checkpoint = resumed_from(context)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    trainer.model = whole.of(trainer.model)
    trainer.model.config.use_cache = True  # switched off for training by the trainer, and saved that way if left
    return summary(context, len(order), tokens_at(len(order)), choices)


def cadence_of(trainer: OrderedTrainer, config: TrainConfig, context: StageContext) -> Cadence:
    """When this trainer's checkpoints are due."""
    model_bytes = sum(weights.nbytes for weights in trainer.model.parameters() if weights.requires_grad)
    return Cadence(config.checkpoint_every, trainer.args.logging_steps, model_bytes, context.processes)


class Sharded(TrainerCallback):
    """Refuses to train a model that is not sharded as the launch asks for."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Look at the model as it was prepared."""
        require_sharded(others["model"])


def summary(context: StageContext, steps: int, tokens: int, choices: Choices) -> dict[str, Any]:
    """What every trained stage reports: length, and the loss of the first and last tenth of what was logged."""
    processes = context.processes
    processes.barrier()  # rank 0 has written the last line
    losses = [row["loss"] for row in read_rows(context.output / METRICS)]
    tenth = max(1, len(losses) // 10)
    figures: dict[str, Any] = {"steps": steps, "trained_tokens": tokens, "precision": choices.precision}
    if losses:
        figures["first_loss"] = sum(losses[:tenth]) / tenth
        figures["last_loss"] = sum(losses[-tenth:]) / tenth
    if choices.inexact:
        figures |= {"exact": False, "inexact_because": choices.inexact}
    return figures
