"""Learn a tokenizer from a sample of the text, or adopt one, and measure it on other texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TokenizersBackend

from pipeline.core.artifact import write_json
from pipeline.core.errors import StageError
from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.models.loading import load_tokenizer
from pipeline.models.word_patterns import named, pattern_of, settings_of
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.measures import (
    NASTY_TEXTS,
    bytes_per_token,
    encode,
    round_trip_share,
    unknown_share,
    unused_tokens,
)
from pipeline.stages.tokenizer.report import FILE, report
from pipeline.stages.tokenizer.sampling import HELD_OUT_BYTES, Sample, sample_texts
from pipeline.stages.tokenizer.texts import texts


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Save a folder that `AutoTokenizer` opens, and a report beside it."""
    sample = sample_texts(texts(inputs.text or []), config.sample)
    if config.adopt is not None:
        from pipeline.stages.tokenizer.adoption import adopt  # by way of torch, which learning does without

        tokenizer, learned = adopt(inputs.adopt.path, config.template, context), []
    else:
        if not sample.training:
            raise StageError("text: fewer texts than it takes to learn from; give more")
        algorithm = ALGORITHMS[config.algorithm]
        tokenizer = algorithm.learn(sample, config)
        learned = algorithm.learned(tokenizer)
    tokenizer.save_pretrained(context.output)

    measured = sample.held_out or sample.training
    ids, returning = encode(tokenizer, measured), must_return(config, tokenizer)
    seen = encode(tokenizer, head(sample.training, HELD_OUT_BYTES))
    unused = unused_tokens(ids + seen, learned)
    figures: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "round_trip": round_trip_share(tokenizer, [*measured, *returning], [*ids, *encode(tokenizer, returning)]),
        "pre_tokenizer": pattern_name(tokenizer),
        **text_figures(tokenizer, sample, measured, ids),
    }
    if learned:
        figures |= {"vocab_size_asked": config.vocab_size, "unused_tokens": len(unused), "learned": len(learned)}
    others = {str(other.address): load_tokenizer(other.path) for other in inputs.compare}
    write_json(context.output / FILE, report(tokenizer, measured, unused, others))
    return Outcome(metrics=figures, headline=headline(figures))


def must_return(config: Config, tokenizer: TokenizersBackend) -> Sequence[str]:
    """Texts beside the corpus' that are to come back as they went in."""
    asked = None if config.adopt is not None else ALGORITHMS[config.algorithm].must_return
    return NASTY_TEXTS if config.adopt is not None else [] if asked is None else asked(tokenizer)


def pattern_name(tokenizer: TokenizersBackend) -> str | None:
    """llama.cpp's name of the pattern that text is cut by; None for another way of cutting."""
    return named(pattern_of(settings_of(tokenizer.backend_tokenizer.pre_tokenizer)))


def text_figures(
    tokenizer: TokenizersBackend, sample: Sample[Any], measured: Sequence[str], ids: Sequence[Sequence[int]]
) -> dict[str, Any]:
    """What was measured on text, and on how much; nothing where none was given."""
    if not measured:
        return {}
    return {
        "bytes_per_token": bytes_per_token(measured, ids),
        "unknown_share": unknown_share(tokenizer, ids),
        "held_out_texts": len(sample.held_out),
        "training_texts": len(sample.training),
        "training_bytes": sum(len(text.encode("utf-8")) for text in sample.training),
        "bytes_read": sample.bytes_read,
        "bytes_unread": sample.bytes_read - sample.size,
    }


def headline(figures: dict[str, Any]) -> str:
    """The result in a few words."""
    size = f"{figures['vocab_size']:,} tokens"
    if "bytes_per_token" not in figures:
        return size
    read = format_count(figures["training_bytes"])
    return f"{size}, {figures['bytes_per_token']:.2f} bytes per token, from {read} bytes"


def head(texts: Sequence[str], size: int) -> list[str]:
    """The first texts, up to `size` bytes."""
    chosen, total = [], 0
    for text in texts:
        total += len(text.encode("utf-8"))
        if total > size:
            break
        chosen.append(text)
    return chosen
