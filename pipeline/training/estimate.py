"""What a training will take, from its settings and what is known of model and rows; imports no torch.

The rooms of the stages that train say what they know; the arithmetic is here, and is that of the training itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from pipeline.core.artifact import Artifact
from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.past import Past
from pipeline.core.quantities import format_count
from pipeline.models.headers import folder_sizes, weight_count
from pipeline.models.sizes import DecoderSizes, training_flops
from pipeline.training.config import TrainConfig
from pipeline.training.length import steps_of
from pipeline.training.lora import LoraConfig, adapter_parameters
from pipeline.training.memory import (
    KEPT,
    ModelShape,
    checkpoint_bytes,
    foreseen_precision,
    largest_micro_batch,
    step_bytes,
)
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from pipeline.training.rows import RowPlan

MODEL = "model"
"""Under this name a stage passes on what is known of the model that it makes."""
_FOLDER = 60_000
"""Bytes of a model's folder beside its weights: tokenizer, code, settings, metrics; more with a large vocabulary."""
RECORDED = {"tokens": "trained_tokens", "steps": "steps", "flops": "flops"}


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model before or after it is made."""

    sizes: DecoderSizes
    parameters: Figure
    bytes_per_token: float | None = None
    """Of its tokenizer, on the text that it was trained for."""

    @property
    def weights(self) -> int:
        """The parameters as a whole number."""
        return int(self.parameters.value)


def model_facts(source: Artifact, context: EstimateContext) -> ModelFacts | None:
    """Of an input that is a model: read from its folder if it is there, else as its stage foresees it."""
    foreseen: ModelFacts | None = context.foreseen(source).get(MODEL)
    if context.can_open(source):
        sizes, count = folder_sizes(source.path), weight_count(source.path)
        if sizes and count:
            return ModelFacts(sizes, Figure(count), foreseen.bytes_per_token if foreseen else None)
    return foreseen


@dataclass(frozen=True)
class RowFacts:
    """What is known of the rows that a training reads; None for what is not."""

    count: Figure | None = None
    """Rows to train on."""
    tokens: Figure | None = None
    """Tokens of a row on average, padding not counted."""
    columns: Figure | None = None
    """Columns of a row on average, padding counted; when left out, `padding` times the tokens."""
    padding: float = 1.2
    """Columns for each token: 1.2 in batches of rows of any length, 1.05 where like lengths go together (measured)."""
    longest: Figure | None = None
    """Columns of the longest row, all its sequences counted."""
    sequences: int = 1
    """Sequences of a row: two of a pair."""
    masked: bool = False
    """Whether an attention mask goes with each row."""
    see_each_other: bool = False
    """Whether that mask spans a micro-batch, laid end to end."""
    why: str = ""
    """When what is not known can be known: `after corpus`."""
    notes: tuple[str, ...] = field(default_factory=tuple)


def same_data(context: EstimateContext, *names: str) -> Past | None:
    """The newest earlier stage that read the same data: whose inputs `names` had the same content."""
    for past in context.past:
        if all(past.setting(name) == context.settings.get(name) for name in names):
            return past
    return None


def earlier_row_tokens(past: Past | None) -> Figure | None:
    """Tokens of a row, as that stage read them."""
    if past is None:
        return None
    tokens, steps = past.metric("trained_tokens"), past.metric("steps")
    batch_size = past.manifest["settings"]["train"]["global_batch_size"]
    return Figure(tokens / (steps * batch_size), "~") if tokens and steps else None


def training_estimate(
    model: ModelFacts | None,
    train: TrainConfig,
    facts: RowFacts,
    context: EstimateContext,
    *,
    lora: LoraConfig | None = None,
    scratch: float = 0,
    rows: RowPlan | None = None,
    remarks: tuple[str, ...] = (),
    needed: Callable[..., int] = step_bytes,
) -> Estimate:
    """The figures of a training; `scratch` is disk beside the checkpoints, `needed` the memory of a step.

    With `rows`, counted by a probe, steps, tokens and FLOPs are exact, and time is that of training for two seconds.
    """
    if rows is not None:
        facts = replace(facts, longest=Figure(rows.longest), notes=("rows counted",))
    steps = Figure(rows.steps) if rows else _steps(train, facts)
    tokens = Figure(rows.tokens_at(rows.steps)) if rows else _tokens(train, facts, steps)
    unknown = {name: facts.why for name, figure in (("steps", steps), ("tokens", tokens)) if figure is None}
    if model is None:
        unknown |= dict.fromkeys(("parameters", "flops", "memory_bytes", "disk_bytes"), facts.why)
        return Estimate(steps=steps, tokens=tokens, unknown=unknown, recorded=RECORDED, remarks=remarks)
    adapter = adapter_parameters(lora, model.sizes)
    micro_batch, memory = _memory(model, train, facts, adapter, context, needed)
    frozen = lora is not None
    counted = rows and Figure(rows.flops(model.sizes, micro_batch, frozen=frozen))
    flops = counted or _flops(model.sizes, train, facts, steps, frozen)
    pace = {"flops": flops, "trained_tokens": tokens, "steps": steps}
    # A probe trains all weights.
    seconds, source = _probe(model, train, rows, context) if context.probe and rows and not frozen else (None, "")
    return Estimate(
        parameters=model.parameters,
        tokens=tokens,
        steps=steps,
        flops=flops if flops is None or model.sizes.own else Figure(flops.value, "~"),
        memory_bytes=memory,
        disk_bytes=Figure(4 * model.weights + _FOLDER, "~"),
        scratch_bytes=Figure(KEPT * checkpoint_bytes(adapter or model.weights) + scratch, "<="),
        seconds=seconds,
        seconds_from=source,
        unknown=unknown if flops else {**unknown, "flops": facts.why},
        notes=facts.notes,
        remarks=(*remarks, *_of_adapter(adapter, model)),
        pace={name: figure for name, figure in pace.items() if figure},
        recorded=RECORDED,
        makes={MODEL: model},
    )


def _steps(train: TrainConfig, facts: RowFacts) -> Figure | None:
    if train.steps is not None:
        return Figure(train.steps)
    if train.tokens is not None:
        if facts.tokens is None:
            return None
        return Figure(max(1, int(train.tokens / (train.global_batch_size * facts.tokens.value))), "~")
    if facts.count is None or train.epochs is None:
        return None
    count = max(int(facts.count.value), train.global_batch_size)  # fewer are an error that the run will tell
    return Figure(steps_of(train, count, 1.0), facts.count.sign)


def _tokens(train: TrainConfig, facts: RowFacts, steps: Figure | None) -> Figure | None:
    if train.tokens is not None:
        return Figure(train.tokens, "~")
    if steps is None or facts.tokens is None:
        return None
    return steps * train.global_batch_size * facts.tokens


def _of_adapter(adapter: int | None, model: ModelFacts) -> tuple[str, ...]:
    if adapter is None:
        return ()
    sign = "" if model.sizes.own else "about "
    return (
        f"trains {sign}{format_count(adapter)} parameters of an adapter, {adapter / model.weights:.2%} of the model",
    )


def _flops(
    sizes: DecoderSizes, train: TrainConfig, facts: RowFacts, steps: Figure | None, frozen: bool
) -> Figure | None:
    columns = facts.columns or (facts.tokens and facts.tokens * facts.padding)
    if steps is None or columns is None:
        return None
    positions = steps * train.global_batch_size * columns
    length = columns.value / facts.sequences
    count = training_flops(sizes, positions.value, length, frozen=frozen)
    return Figure(count, positions.sign if facts.columns else "~")


def _memory(
    model: ModelFacts, train: TrainConfig, facts: RowFacts, adapter: int | None, context: EstimateContext,
    bytes_of: Callable[..., int],
) -> tuple[int, Figure]:  # fmt: skip
    """The micro-batch that a stage would choose now, and the memory of a step with it."""
    longest = facts.longest or Figure(model.sizes.max_position_embeddings * facts.sequences, "<=")
    length = int(longest.value)
    shape = ModelShape(
        model.sizes,
        model.weights + (adapter or 0),
        length,
        trained=adapter,
        mask_columns=length // facts.sequences if facts.masked else 0,
        rows_see_each_other=facts.see_each_other,
    )
    world_size, way = context.machine.world_size, strategy()
    parts = way.share_of_data(0, world_size)[1]
    even = train.global_batch_size % parts == 0  # if not, the run will say which sizes would do
    per_process = train.global_batch_size // parts if even else train.global_batch_size
    precision = foreseen_precision(context.runtime.precision, context.machine.device)
    needed = partial(bytes_of, shape, precision=precision, world_size=world_size, strategy=way.name)
    micro_batch = micro_batch_of(context, per_process, needed)
    amount = needed(micro_batch, accumulates=micro_batch < per_process)
    return micro_batch, Figure(amount, longest.sign if model.sizes.own else "~")


def micro_batch_of(context: EstimateContext, per_process: int, needed: partial[int]) -> int:
    """The sequences of a forward pass that a stage would choose now; `needed` is the memory of a step."""
    if context.runtime.micro_batch != "auto":
        return math.gcd(context.runtime.micro_batch, per_process)  # itself, or the run will refuse it
    free = context.machine.free_bytes
    return largest_micro_batch(per_process, free, lambda size: needed(size, accumulates=size < per_process))


def _probe(model: ModelFacts, train: TrainConfig, rows: RowPlan, context: EstimateContext) -> tuple[Figure | None, str]:
    """The time of all steps, and how it was found out; unknown for a decoder that is not ours."""
    if not model.sizes.own:
        return None, ""
    from pipeline.training.probe import seconds_per_step

    width = round(float(rows.widths[rows.batches].mean()))
    seconds, words = seconds_per_step(model.sizes, train.global_batch_size * rows.sequences, width, context)
    return Figure(seconds * rows.steps, "~"), words


def unknown_after(sources: Mapping[str, Artifact], context: EstimateContext) -> str:
    """`after corpus, tokenizer`: the inputs whose stages must be made first."""
    missing = [source.address for source in sources.values() if not context.can_open(source)]
    return f"after {', '.join(missing)}" if missing else "with --probe"
