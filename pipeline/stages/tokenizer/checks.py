"""Looks at a finished tokenizer, opened as its users will open it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import AutoTokenizer, TokenizersBackend

from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.prompt_use import taught
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.measures import encode, round_trip_share

_EXCHANGE = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What grinds the rye?"},
    {"role": "assistant", "content": "A mill."},
]


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The checks of a tokenizer: those of its algorithm after those of all."""
    tokenizer = AutoTokenizer.from_pretrained(artifact.path)
    if config.adopt is not None:
        return adopted_checks(tokenizer, artifact.metrics)
    algorithm, figures = ALGORITHMS[config.algorithm], artifact.metrics
    checks = [special_tokens(tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))), chat_template(tokenizer)]
    if algorithm.must_return is None:
        checks = [lost(figures["unknown_share"], figures["round_trip"]), *checks]
    else:
        returning = algorithm.must_return(tokenizer)
        saved = round_trip_share(tokenizer, returning, encode(tokenizer, returning))
        checks = [round_trip(min(figures["round_trip"], saved)), *checks]
    if algorithm.first_learned is None:
        return [*checks, all_read(figures["bytes_unread"], figures["bytes_read"])]
    return [
        *checks,
        bytes_per_token(figures["bytes_per_token"]),
        unused_tokens(figures["unused_tokens"], figures["learned"]),
        size(figures["vocab_size"], figures["vocab_size_asked"]),
    ]


def adopted_checks(tokenizer: TokenizersBackend, figures: Mapping[str, Any]) -> list[Check]:
    """Those of a tokenizer that was not learned here: it may be as it is, but must do for conversations."""
    checks = [returned(figures["round_trip"]), chat_template(tokenizer)]
    return [*checks, bytes_per_token(figures["bytes_per_token"])] if "bytes_per_token" in figures else checks


def round_trip(share: float) -> Check:
    """Whether decoding gives back what was encoded."""
    return Check(
        "exact round trip",
        share,
        "1.0",
        graded(fail=share < 1),
        "text is changed before it is encoded: look for a normalizer in tokenizer.json",
    )


def returned(share: float) -> Check:
    """Whether decoding gives back what was encoded, of a tokenizer that promises nothing."""
    advice = "this tokenizer changes text: what a model writes with it can never be the text that was read"
    return Check("texts that come back", share, "1.0", graded(warn=share < 1), advice)


def lost(unknown: float, share: float) -> Check:
    """How much of the text a tokenizer cannot write."""
    return Check(
        "tokens that are unknown",
        round(unknown, 5),
        f"at most 0.01 ({share:.0%} of the texts come back whole)",
        graded(warn=unknown > 0.01),
        "raise vocab_size, or take an algorithm that writes every text: byte_bpe, bpe, unigram",
    )


def special_tokens(ids: list[int]) -> Check:
    """Whether each special token is one token, with the id of its place."""
    right = ids == list(range(len(SPECIAL_TOKENS)))
    shown = " ".join(map(str, ids))
    return Check(
        "ids of the special tokens", shown, "0 to 6", graded(fail=not right), "a fault of this package: report it"
    )


def chat_template(tokenizer: TokenizersBackend) -> Check:
    """Whether the template asks for answers as it writes them, and puts the end token inside."""
    lesson = taught(tokenizer, {"messages": _EXCHANGE})
    faults = [] if lesson.continues else ["asks for an answer otherwise than it writes one"]
    if tokenizer.eos_token_id not in lesson.answer:
        faults.append("leaves the end token out of the answer")
    figure = " and ".join(faults) or "sound"
    advice = "mend chat_template.jinja: every later stage is trained by it"
    return Check("chat template", figure, "sound", graded(fail=bool(faults)), advice)


def bytes_per_token(figure: float) -> Check:
    """Whether the tokenizer writes text it has not seen in clearly fewer tokens than bytes."""
    verdict = graded(warn=figure < 1.5)
    return Check(
        "bytes per token",
        round(figure, 3),
        "at least 1.5",
        verdict,
        "raise vocab_size, or add text like what comes later",
    )


def unused_tokens(count: int, learned: int) -> Check:
    """How many learned tokens do not occur in the text that was looked at. Those on the way to longer ones never do."""
    share = count / learned if learned else 0.0
    verdict = graded(warn=share > 0.5)
    return Check("unused tokens", count, "at most half of those learned", verdict, "lower vocab_size, or add text")


def size(real: int, asked: int) -> Check:
    """Whether the text was large enough for the vocabulary asked for; models take the real size in any case."""
    verdict = graded(warn=real != asked)
    return Check("vocabulary", real, str(asked), verdict, "the text holds no more tokens: add text, or ask for less")


def all_read(unread: int, read: int) -> Check:
    """Whether all of the text was looked through for characters: any that was missed is lost from then on."""
    advice = "raise `sample` above the size of the text, so that no character of it becomes <|unknown|>"
    return Check("bytes not looked through", unread, f"0 of {read:,}", graded(warn=unread > 0), advice)
