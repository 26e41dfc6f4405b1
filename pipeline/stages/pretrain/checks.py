"""Did pretraining learn: against simpler models, and against the text's own entropy where that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.artifacts import Corpus
from pipeline.core.artifact import Artifact
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.stages.pretrain.config import Config
from pipeline.training.checks import loss_fell

_NEAR_FLOOR = 0.02
_BELOW_FLOOR = 0.002
"""Nats per character that counting may be off by; more below the entropy is a leak or a wrong count."""
_MARGIN = 0.05
"""Of what a bigram model gains over a unigram model: noise must decide neither way."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss fell, is below the unigram's and the bigram's, and near the floor but not under it."""
    figures = artifact.metrics
    checks = [loss_fell(artifact, fresh=True), beats_unigram(figures), beats_bigram(figures)]
    if "excess_nats_per_char" in figures:
        checks.append(gap_to_floor(figures, selection_per_character(inputs.corpus)))
    if "unknown_tokens" in figures:
        checks.append(unknown_tokens(figures["unknown_tokens"]))
    return checks


def unknown_tokens(count: int) -> Check:
    """Whether the tokenizer could write all of the text; bits per byte are too low where it could not."""
    advice = "the tokenizer has no tokens for parts of this text: raise its `sample`, or take `algorithm: byte_bpe`"
    return Check("tokens for unknown text", count, "0", graded(warn=count > 0), advice)


def margin(figures: Mapping[str, Any]) -> float:
    """The bits per byte by which a model must differ from a simpler one to count as better or worse."""
    return _MARGIN * (figures["unigram_bits_per_byte"] - figures["bigram_bits_per_byte"])


def beats_unigram(figures: Mapping[str, Any]) -> Check:
    """The model's bits per byte against those of the tokens' frequencies."""
    difference, needed = figures["bits_per_byte"] - figures["unigram_bits_per_byte"], margin(figures)
    return Check(
        "bits per byte, less the unigram model's",
        round(difference, 4),
        f"below {-needed:.4f} ({figures['validation_documents']} documents)",
        graded(fail=difference >= -needed),
        "it learned how often tokens come and no more: change train.learning_rate, or train longer",
    )


def beats_bigram(figures: Mapping[str, Any]) -> Check:
    """The model's bits per byte against those of pairs of tokens: a table that takes no training."""
    difference, allowed = figures["bits_per_byte"] - figures["bigram_bits_per_byte"], margin(figures)
    return Check(
        "bits per byte, less the bigram model's",
        round(difference, 4),
        f"below 0, never above {allowed:.4f} ({figures['validation_documents']} documents)",
        graded(warn=difference >= 0, fail=difference > allowed),
        "a table of neighbours predicts better than this model: train longer, or change train.learning_rate",
    )


def gap_to_floor(figures: Mapping[str, Any], selection: float = 0.0) -> Check:
    """Nats per character above the exact entropy of the text, which `selection` of documents may have lowered."""
    excess, error = figures["excess_nats_per_char"], figures["excess_standard_error"]
    lowest = -_BELOW_FLOOR - selection - 3 * error
    advice = (
        "a loss below the entropy is a fault: labels leak, or the documents' surprisal is wrong"
        if excess < 0
        else "train longer"
    )
    return Check(
        "nats per character above the floor",
        round(excess, 5),
        f"from {lowest:.5f} to {_NEAR_FLOOR} ({figures['floor_documents']} documents)",
        graded(warn=excess > _NEAR_FLOOR + 2 * error, fail=excess < lowest),
        advice,
    )


def selection_per_character(corpus: Corpus) -> float:
    """By how much choosing documents may have lowered their entropy: log(1 / share kept) nats a document."""
    found = corpus.metrics
    if not found.get("selection_nats"):
        return 0.0
    # Bytes are never fewer than characters, so this allows too little rather than too much.
    return found["selection_nats"] * found["validation_documents"] / found["validation_bytes"]
