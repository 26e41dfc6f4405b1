"""Settings of training, the same for every stage that trains through the libraries' trainers. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.stage import Settings, not_identity

Schedule = Literal["wsd", "cosine", "linear", "constant", "inverse_sqrt"]


class TrainConfig(Settings):
    """How long and how a model is trained. Its length is one of `tokens`, `steps` and `epochs`."""

    lengths: ClassVar[tuple[str, ...]] = ("tokens", "steps", "epochs")
    """The fields of which one gives the length."""

    tokens: Count | None = None
    """Length of training in tokens, padding not counted; rounded down to whole steps."""
    steps: Count | None = None
    """Length of training in optimizer steps."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    """Length of training in passes over the rows; rounded down to whole steps."""
    global_batch_size: Count = 8
    """Sequences per optimizer step, over all processes."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """The highest learning rate."""
    schedule: Schedule = "linear"
    """How the learning rate goes: `wsd` is warm-up, stable, decay; `linear` and `cosine` decay from the warm-up on,
    `inverse_sqrt` with the root of the steps."""
    warmup_steps: float = Field(default=0.02, ge=0)
    """Steps of linear warm-up; below 1, a share of all steps."""
    decay_share: float = Field(default=0.2, gt=0, le=1)
    """The share of all steps over which `wsd` decays to zero."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of AdamW's mean of the gradients."""
    adam_beta2: float = Field(default=0.999, ge=0, lt=1)
    """Decay of AdamW's mean of the squared gradients."""
    adam_epsilon: float = Field(default=1e-8, gt=0)
    """AdamW's guard against dividing by zero."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's weight decay; norms and biases are left out."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Gradients are scaled down to this norm; 0 never scales."""
    checkpoint_every: Count | Literal["auto"] = Field(default="auto", json_schema_extra=not_identity())
    """Steps between checkpoints, rounded up to a multiple of `log_every`; `auto` is about half a minute, more for
    models that take long to write."""
    log_every: Count = Field(default=10, json_schema_extra=not_identity())
    """Steps between lines of `metrics.jsonl`."""

    @model_validator(mode="before")
    @classmethod
    def _given_length_replaces_the_default(cls, values: Any) -> Any:
        if not isinstance(values, dict) or all(values.get(name) is None for name in cls.lengths):
            return values
        return {**dict.fromkeys(cls.lengths), **values}

    @model_validator(mode="after")
    def _one_length(self) -> TrainConfig:
        given = [name for name in self.lengths if getattr(self, name) is not None]
        if len(given) != 1:
            one_of = f"{', '.join(self.lengths[:-1])} and {self.lengths[-1]}"
            said = f"give one of {one_of}, not {' and '.join(given) or 'none'}"
            raise SettingError(said, *(given or self.lengths))
        return self

    @model_validator(mode="after")
    def _the_decay_has_a_schedule(self) -> TrainConfig:
        if self.schedule != "wsd":
            self.require_default("decay_share", "schedule", "wsd")
        return self

    def require_default(self, name: str, switch: str, value: str) -> None:
        """Refuse a setting that would do nothing: `name` acts only where `switch` is `value`, and here it is not.

        Raises:
            SettingError: unless `name` has its default.
        """
        default = type(self).model_fields[name].default
        if getattr(self, name) != default:
            said = f"{name} acts only with {switch}: {value}, not {getattr(self, switch)}"
            said += f"; leave it out, or write {default:g}"
            raise SettingError(said, name, switch)

    @model_validator(mode="after")
    def _warmup_ends(self) -> TrainConfig:
        if self.steps is not None and 1 <= self.warmup_steps >= self.steps:
            said = (
                f"{self.warmup_steps:g} steps of warm-up leave none of the {self.steps} steps; give fewer, or a share"
            )
            raise SettingError(said, "warmup_steps", "steps")
        return self


class PairTrainConfig(TrainConfig):
    """How long and how to train on pairs, each of two sequences."""

    epochs: float | None = Field(default=1.0, gt=0)
    """Length of training in passes over the pairs; rounded down to whole steps."""
    global_batch_size: Count = 16
    """Pairs per optimizer step, over all processes."""
    warmup_steps: float = Field(default=0.1, ge=0)
    """Steps of linear warm-up; below 1, a share of all steps."""
    log_every: Count = Field(default=5, json_schema_extra=not_identity())
    """Steps between lines of `metrics.jsonl`."""


SHORTEST = {
    "train.steps": 2, "train.tokens": None, "train.epochs": None, "train.log_every": 1, "train.global_batch_size": 8,
    "train.warmup_steps": 0,
}  # fmt: skip
"""For a stage's `smoke`: two steps of small batches, whatever length the recipe gives."""
