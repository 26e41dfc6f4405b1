"""Pretrain a decoder: tokens, rows, a fresh model, the loop, the loss on held-out documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from pipeline.artifacts import Corpus
from pipeline.core.errors import StageError
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM
from pipeline.models.loading import load_tokenizer, new_model, require_pad_token, save_model
from pipeline.stages.pretrain.arrangement import ARRANGEMENTS, Collate, arranged
from pipeline.stages.pretrain.config import Config, DecoderSettings, PretrainTrain
from pipeline.stages.pretrain.documents import validation_documents
from pipeline.stages.pretrain.estimate import padded_vocabulary, with_horizon
from pipeline.stages.pretrain.evaluation import baseline_figures, loss_figures
from pipeline.stages.pretrain.held_out import HeldOut
from pipeline.stages.pretrain.learner import Learner
from pipeline.stages.pretrain.loop import Loop
from pipeline.stages.pretrain.monitor import Monitor
from pipeline.stages.pretrain.packing import PackedRows
from pipeline.stages.pretrain.text_bytes import row_bytes
from pipeline.stages.pretrain.token_store import TokenStore, build_store, open_store, text_sizes
from pipeline.training.accelerator import make_accelerator
from pipeline.training.checkpoints import Cadence
from pipeline.training.choices import Choices, choose
from pipeline.training.compilation import settle_compilation
from pipeline.training.length import logging_interval
from pipeline.training.memory import shape_of
from pipeline.training.peak import peak_of_launch
from pipeline.training.rows import RowPlan
from pipeline.training.run import summary
from pipeline.training.strategy import require_offered

TOKENS = "tokens"
"""Where the token store lies, in the stage's scratch folder."""
EAGER_SHARE = 0.4
"""Of the peak, that training without compiling reaches on a CPU: how long it takes is foreseen by this."""


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Train on the corpus' documents and measure on its held-out ones."""
    require_offered("muon" if config.train.optimizer == "muon" else "pretrain")
    tokenizer = load_tokenizer(inputs.tokenizer.path)
    config = with_horizon(config, len(tokenizer))
    store = token_store(inputs.corpus, inputs.tokenizer.path, context)
    context_length = config.decoder.max_position_embeddings
    packing, rows = arranged(config, store, context.seed)
    model = new_model(decoder_config(config.decoder, tokenizer), context.seed)
    # Documents of one row are told apart by a mask; a window of the stream needs none.
    shape = shape_of(model, context_length, mask_columns=context_length * (config.train.packing == "best_fit"))
    choices = choose(context, shape, config.train.global_batch_size)
    collate = ARRANGEMENTS[config.train.packing].collate(context_length, require_pad_token(tokenizer))
    held_out = HeldOut(model, tokenizer, validation_documents(inputs.corpus, config.validation_documents), context)
    held_out.plan(config.evaluations, rows, logging_interval(config.train, rows.steps))
    flops = rows.flops(shape.sizes, choices.micro_batch)
    text = row_bytes(store.starts, text_sizes(context.work / TOKENS), packing)
    monitor = Monitor(rows, text, flops, peak_of_launch(choices, context.processes), held_out)
    stretches = PackedRows(store, packing)
    metrics, choices = train(model, stretches, collate, rows, config.train, choices, monitor, context)
    metrics["flops"] = flops
    metrics |= loss_figures(held_out, rows.steps)
    metrics |= baseline_figures(store, held_out)
    model = held_out.whole_model()
    if context.processes.is_main:
        save_model(model, tokenizer, context.output)
    metrics["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    metrics["tokens"] = int(store.starts[-1])
    unknown: Any = tokenizer.unk_token_id
    if unknown is not None:
        metrics["unknown_tokens"] = store.unknown + held_out.count(unknown)
    return Outcome(metrics, headline(metrics), choices.runtime)


def train(
    model: DecoderForCausalLM, rows: PackedRows, collate: Collate, plan: RowPlan, settings: PretrainTrain,
    choices: Choices, monitor: Monitor, context: StageContext,
) -> tuple[dict[str, Any], Choices]:  # fmt: skip
    """Train `model` on `rows` in the order of `plan`; how it went, and whether it was compiled."""
    learner = Learner(model, settings, plan.steps, make_accelerator(choices))
    log_every = logging_interval(settings, plan.steps)
    model_bytes = sum(weights.numel() * weights.element_size() for weights in model.parameters())
    cadence = Cadence(settings.checkpoint_every, log_every, model_bytes, context.processes)
    loop = Loop(learner, rows, plan, collate, choices.micro_batch, log_every, cadence, monitor, context)
    seconds = monitor.flops / monitor.peak / EAGER_SHARE
    choices = settle_compilation(choices, context, seconds, lambda: learner.compile(next(loop.micro_batches(0))))
    loop.run()
    return summary(context, plan.steps, plan.tokens_at(plan.steps), choices), choices


def token_store(corpus: Corpus, tokenizer: Path, context: StageContext) -> TokenStore:
    """The corpus' training documents as tokens, built by rank 0."""
    folder = context.work / TOKENS
    if context.processes.is_main:
        build_store(folder, corpus.shards("train"), tokenizer, context.runtime.engine, context.progress)
    context.processes.barrier()
    return open_store(folder)


def decoder_config(settings: DecoderSettings, tokenizer: PreTrainedTokenizerBase) -> DecoderConfig:
    """The model's config, with the tokenizer's vocabulary and special tokens.

    Raises:
        StageError: if the shape's numbers do not fit together.
    """
    shape = settings.model_dump(exclude={"depth", "rope_theta", "partial_rotary_factor", "rope_scaling"})
    if settings.position_encoding == "rope":
        turned = {"rope_theta": settings.rope_theta, "partial_rotary_factor": settings.partial_rotary_factor}
        shape["rope_parameters"] = {"rope_type": "default", **turned, **(settings.rope_scaling or {})}
    try:
        return DecoderConfig(
            vocab_size=padded_vocabulary(len(tokenizer)),
            **{name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")},
            **shape,
        )
    except ValueError as error:
        raise StageError(f"decoder: {error}") from None


def headline(metrics: dict[str, float]) -> str:
    """The result in a few words."""
    text = f"{metrics['bits_per_byte']:.3f} bits per byte (bigram {metrics['bigram_bits_per_byte']:.3f})"
    if "excess_nats_per_char" in metrics:
        text += f", {metrics['excess_nats_per_char']:+.4f} nats/char from the floor"
    return text
