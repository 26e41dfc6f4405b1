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
_LEAST_OF_BIGRAM = 0.1
"""A model that learned the frequencies of tokens alone is worth nothing; noise must not make it pass."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The loss fell, is below the unigram's and the bigram's, and near the floor but not under it."""
    figures = artifact.metrics
    checks = [loss_fell(artifact, fresh=True), beats_unigram(figures), beats_bigram(figures)]
    if "excess_nats_per_char" in figures:
        checks.append(gap_to_floor(figures, selection_per_character(inputs.corpus)))
    return checks


def beats_unigram(figures: Mapping[str, Any]) -> Check:
    """The model's bits per byte against those of the tokens' frequencies; as bad as that is useless."""
    difference = figures["bits_per_byte"] - figures["unigram_bits_per_byte"]
    needed = _LEAST_OF_BIGRAM * (figures["bigram_bits_per_byte"] - figures["unigram_bits_per_byte"])
    return Check(
        "bits per byte, less the unigram model's",
        round(difference, 4),
        f"below {needed:.4f}, a tenth of what a bigram model gains ({figures['validation_documents']} documents)",
        graded(fail=difference >= needed),
        "it learned how often tokens come and no more: change train.learning_rate, or train longer",
    )


def beats_bigram(figures: Mapping[str, Any]) -> Check:
    """The model's bits per byte against those of pairs of tokens."""
    difference = figures["bits_per_byte"] - figures["bigram_bits_per_byte"]
    advice = "it makes nothing of more than one token of context: train longer, or change train.learning_rate"
    return Check(
        "bits per byte, less the bigram model's", round(difference, 4), "below 0", graded(warn=difference >= 0), advice
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
