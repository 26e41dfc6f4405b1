"""Our settings in the words of transformers' TrainingArguments, and so of trl's configs: known here alone."""

from __future__ import annotations

from typing import Any

import torch

from pipeline.core.stage import StageContext
from pipeline.training.checkpoints import checkpoint_folder
from pipeline.training.choices import Choices
from pipeline.training.config import TrainConfig
from pipeline.training.length import logging_interval
from pipeline.training.memory import KEPT
from pipeline.training.processes import computes_on_cpu
from pipeline.training.schedules import warmup_steps_of
from pipeline.training.strategy import data_share

_SCHEDULERS = {
    "wsd": "warmup_stable_decay",
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
    "inverse_sqrt": "inverse_sqrt",
}


def training_arguments(train: TrainConfig, steps: int, choices: Choices, context: StageContext) -> dict[str, Any]:
    """Keywords for TrainingArguments, SFTConfig, RewardConfig: `steps` steps of `train`, computed as `choices` says."""
    cuda = torch.cuda.is_available()
    micro_batches = train.global_batch_size // (choices.micro_batch * data_share(context.processes)[1])
    return {
        "output_dir": str(checkpoint_folder(context.work)),
        "max_steps": steps,
        "per_device_train_batch_size": choices.micro_batch,
        "gradient_accumulation_steps": micro_batches,
        "seed": context.seed % 2**32,  # numpy's global seed has 32 bits
        **optimizer_arguments(train),
        **schedule_arguments(train, steps),
        "use_cpu": computes_on_cpu(),
        "bf16": choices.precision == "bf16",
        "activation_checkpointing": False,  # trl turns it on
        "average_tokens_across_devices": True,  # the loss is a mean over the tokens of all processes
        "logging_steps": logging_interval(train, steps),
        "logging_nan_inf_filter": False,  # a loss that is no number is an error, not an average
        "save_strategy": "no",  # `Checkpoints` says when
        "save_total_limit": KEPT,
        "report_to": [],
        "disable_tqdm": True,
        "remove_unused_columns": False,
        "dataloader_num_workers": 0,  # rows lie in memory; a worker would cost more than it saves
        "dataloader_pin_memory": cuda,
        "dataloader_drop_last": True,
    }


def optimizer_arguments(train: TrainConfig) -> dict[str, Any]:
    """AdamW in one fused kernel."""
    return {
        "optim": "adamw_torch_fused",
        "learning_rate": train.learning_rate,
        "adam_beta1": train.adam_beta1,
        "adam_beta2": train.adam_beta2,
        "adam_epsilon": train.adam_epsilon,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
    }


def schedule_arguments(train: TrainConfig, steps: int) -> dict[str, Any]:
    """How the learning rate goes over `steps` steps."""
    warmup_steps = warmup_steps_of(train, steps)
    named: dict[str, Any] = {"lr_scheduler_type": _SCHEDULERS[train.schedule], "warmup_steps": warmup_steps}
    if train.schedule == "wsd":
        decay_steps = min(max(1, round(train.decay_share * steps)), max(1, steps - warmup_steps))
        named["lr_scheduler_kwargs"] = {"num_decay_steps": decay_steps, "decay_type": "linear"}
    return named
