"""Looks at a finished tokenizer, opened as its users will open it."""

from __future__ import annotations

from transformers import AutoTokenizer

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.config import SMALLEST, Config
from pipeline.stages.tokenizer.measures import NASTY_TEXTS, encode, round_trip_share


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The checks of a tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(artifact.path)
    figures = artifact.metrics
    saved = round_trip_share(tokenizer, NASTY_TEXTS, encode(tokenizer, NASTY_TEXTS))
    return [
        round_trip(min(figures["round_trip"], saved)),
        special_tokens(tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))),
        bytes_per_token(figures["bytes_per_token"]),
        unused_tokens(figures["unused_tokens"], figures["vocab_size"] - SMALLEST),
        size(figures["vocab_size"], config.vocab_size),
    ]


def round_trip(share: float) -> Check:
    """Whether decoding gives back what was encoded."""
    return Check(
        "exact round trip", share, "1.0", "pass" if share == 1 else "fail", "a fault of this package: report it"
    )


def special_tokens(ids: list[int]) -> Check:
    """Whether each special token is one token, with the id of its place."""
    right = ids == list(range(len(SPECIAL_TOKENS)))
    shown = " ".join(map(str, ids))
    return Check(
        "ids of the special tokens", shown, "0 to 6", "pass" if right else "fail", "a fault of this package: report it"
    )


def bytes_per_token(figure: float) -> Check:
    """Whether the tokenizer writes text it has not seen in clearly fewer tokens than bytes."""
    verdict = "pass" if figure >= 1.5 else "warn"
    return Check(
        "bytes per token",
        round(figure, 3),
        "at least 1.5",
        verdict,
        "raise vocab_size, or add text like what comes later",
    )


def unused_tokens(count: int, merged: int) -> Check:
    """How many learned tokens do not occur in the text that was looked at. Those on the way to longer ones never do."""
    share = count / merged if merged else 0.0
    verdict = "pass" if share <= 0.5 else "warn"
    return Check("unused tokens", count, "at most half of the merges", verdict, "lower vocab_size, or add text")


def size(real: int, asked: int) -> Check:
    """Whether the text was large enough for the vocabulary asked for; models take the real size in any case."""
    verdict = "pass" if real == asked else "warn"
    return Check("vocabulary", real, str(asked), verdict, "the text holds no more merges: add text, or ask for less")
