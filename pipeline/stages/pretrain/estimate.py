"""What pretraining takes; imports no torch unless it is to probe."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.artifact import Artifact
from pipeline.core.estimates import Estimate, EstimateContext, Figure
from pipeline.core.progress import Progress
from pipeline.core.quantities import format_count
from pipeline.core.stage import Engine, Inputs
from pipeline.data.sizes import BYTES_PER_TOKEN
from pipeline.models.sizes import sizes_of
from pipeline.stages.pretrain.config import Config
from pipeline.stages.pretrain.dial import TOKENS_PER_PARAMETER
from pipeline.training.estimate import ModelFacts, RowFacts, training_estimate, unknown_after

if TYPE_CHECKING:
    from pipeline.training.rows import RowPlan

_VOCABULARY_MULTIPLE = 64
_FILLED = 0.95
"""Share of a row that documents of less than its length fill, when packed best fit."""


def padded_vocabulary(size: int) -> int:
    """The vocabulary of the model for that of its tokenizer: matrix products of round sizes are faster."""
    return -(-size // _VOCABULARY_MULTIPLE) * _VOCABULARY_MULTIPLE


def estimate(config: Config, inputs: Inputs, context: EstimateContext) -> Estimate:
    """Parameters by the settings, rows by the corpus' size."""
    vocabulary, bytes_per_token = _tokenizer(inputs.tokenizer, context)
    model, remarks = None, [dialled(config)] if config.decoder.depth else []
    if vocabulary:
        config = with_horizon(config, int(vocabulary.value))
        sizes = sizes_of(config.decoder.model_dump(), vocab_size=padded_vocabulary(int(vocabulary.value)))
        model = ModelFacts(sizes, Figure(sizes.parameters, vocabulary.sign), bytes_per_token)
        remarks.append(horizon(sizes.parameters, config.train.tokens))
    facts = _rows(config, inputs, bytes_per_token, context)
    corpus_tokens = facts.count.value * config.decoder.max_position_embeddings if facts.count else 0
    rows = None
    if context.probe and context.can_open(inputs.corpus, inputs.tokenizer):
        rows = _count(config, inputs, context)
    return training_estimate(
        model, config.train, facts, context, scratch=4 * corpus_tokens, rows=rows, remarks=tuple(remarks)
    )


def with_horizon(config: Config, vocab_size: int) -> Config:
    """The settings with the length of training in tokens where they give it for each parameter."""
    ratio = config.train.tokens_per_parameter
    if ratio is None:
        return config
    parameters = sizes_of(config.decoder.model_dump(), vocab_size=padded_vocabulary(vocab_size)).parameters
    length = {"tokens": round(ratio * parameters), "tokens_per_parameter": None}
    return config.model_copy(update={"train": config.train.model_copy(update=length)})


def horizon(parameters: int, tokens: int | None) -> str:
    """How long a model of this size is trained where compute is to be spent best, and how long it is."""
    best = TOKENS_PER_PARAMETER * parameters
    here = f"; here {tokens / parameters:.3g}" if tokens else ""
    return f"compute-optimal are {format_count(best)} tokens, {TOKENS_PER_PARAMETER:g} a parameter{here}"


def dialled(config: Config) -> str:
    """What `depth` came to."""
    decoder, train = config.decoder, config.train
    heads = sizes_of(decoder.model_dump()).num_attention_heads
    (length,) = (name for name in train.lengths if getattr(train, name) is not None)
    return (
        f"depth {decoder.depth}: {decoder.num_hidden_layers} layers of width {decoder.hidden_size}, {heads} heads; "
        f"learning rate {train.learning_rate:g}, {train.global_batch_size} rows a step, "
        f"{format_count(getattr(train, length))} {length.replace('_', ' ')}"
    )


def _tokenizer(source: Artifact, context: EstimateContext) -> tuple[Figure | None, float | None]:
    """Tokens of the vocabulary, and bytes of text in one."""
    if not context.can_open(source):
        return context.foreseen(source).get("vocab_size"), None
    if "vocab_size" in source.metrics:
        return Figure(source.metrics["vocab_size"]), source.metrics.get("bytes_per_token")
    content = json.loads((source.path / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    known = vocabulary if isinstance(vocabulary, dict) else (piece for piece, _ in vocabulary)  # unigram: with scores
    tokens = {*known, *(token["content"] for token in content["added_tokens"])}
    return Figure(len(tokens)), None


def _rows(config: Config, inputs: Inputs, bytes_per_token: float | None, context: EstimateContext) -> RowFacts:
    length, packed = config.decoder.max_position_embeddings, config.train.packing == "best_fit"
    filled = Figure(_FILLED * length, "~") if packed else Figure(length)
    if context.can_open(inputs.corpus) and "train_bytes" in inputs.corpus.metrics:
        size, documents = (Figure(inputs.corpus.metrics[f"train_{name}"]) for name in ("bytes", "documents"))
    else:
        size, documents = (context.foreseen(inputs.corpus).get(name) for name in ("bytes", "documents"))
    count, notes = None, ()
    if size and documents:
        tokens = size.value / (bytes_per_token or BYTES_PER_TOKEN) + 2 * documents.value
        count = Figure(max(1, round(tokens / filled.value)), "~")
        notes = () if bytes_per_token else (f"{BYTES_PER_TOKEN:g} bytes a token assumed",)
    return RowFacts(
        count=count,
        tokens=filled,
        columns=Figure(length),
        longest=Figure(length),
        masked=packed,
        why=unknown_after({"corpus": inputs.corpus, "tokenizer": inputs.tokenizer}, context),
        notes=notes,
    )


def _count(config: Config, inputs: Inputs, context: EstimateContext) -> RowPlan:
    """The rows as the stage will pack and order them."""
    from pipeline.stages.pretrain.arrangement import arranged
    from pipeline.stages.pretrain.token_store import build_store, open_store

    with tempfile.TemporaryDirectory() as folder:
        shards, quiet = inputs.corpus.shards("train"), Progress("plan", quiet=True)
        build_store(Path(folder), shards, inputs.tokenizer.path, Engine(), quiet)
        return arranged(config, open_store(Path(folder)), context.seed)[1]
