"""Learn a tokenizer from a sample of the text and measure it on other texts."""

from __future__ import annotations

from typing import Any

from pipeline.core.errors import StageError
from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.measures import bytes_per_token, encode, round_trip_share, unused_tokens
from pipeline.stages.tokenizer.sampling import HELD_OUT_BYTES, pieces, sample_texts
from pipeline.stages.tokenizer.texts import texts


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Learn by the algorithm that the recipe names, and save a folder that `AutoTokenizer` opens."""
    sample = sample_texts(texts(inputs.text), config.sample)
    if not sample.training:
        raise StageError("text: fewer texts than it takes to learn from; give more")
    algorithm = ALGORITHMS[config.algorithm]
    tokenizer = algorithm.learn(sample, config)
    tokenizer.save_pretrained(context.output)

    measured = [piece for text in sample.held_out or sample.training for piece in pieces(text)]
    ids, returning = encode(tokenizer, measured), algorithm.must_return(tokenizer)
    figures: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "bytes_per_token": bytes_per_token(measured, ids),
        "round_trip": round_trip_share(tokenizer, [*measured, *returning], [*ids, *encode(tokenizer, returning)]),
        "held_out_texts": len(sample.held_out),
        "training_texts": len(sample.training),
        "training_bytes": sum(len(text.encode("utf-8")) for text in sample.training),
        "bytes_read": sample.bytes_read,
        "bytes_unread": sample.bytes_read - sample.size,
    }
    if algorithm.merges_from is not None:
        seen = encode(tokenizer, head(sample.training, HELD_OUT_BYTES))
        figures["vocab_size_asked"] = config.vocab_size
        figures["unused_tokens"] = unused_tokens(tokenizer, ids + seen, algorithm.merges_from)
    shown = f"{figures['bytes_per_token']:.2f} bytes per token, from {format_count(figures['training_bytes'])} bytes"
    return Outcome(metrics=figures, headline=f"{len(tokenizer):,} tokens, {shown}")


def head(texts: list[str], size: int) -> list[str]:
    """The first texts, up to `size` bytes."""
    chosen, total = [], 0
    for text in texts:
        total += len(text.encode("utf-8"))
        if total > size:
            break
        chosen.append(text)
    return chosen
