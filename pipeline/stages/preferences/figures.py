"""What the pairs are like: how many were dropped, how far labels can be learned, if length gives them away. Pure."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from pipeline.stages.preferences.labels import preference_probability, prefers_first
from pipeline.stages.preferences.pairs import Candidate, Drawn


def pair_figures(train: Drawn, validation: Drawn, sharpness: float | None, seed: int) -> dict[str, Any]:
    """The figures of the manifest. Ceilings are those of the held-out pairs, on which reward models are measured."""
    pairs = [*train.pairs, *validation.pairs]
    total = train.total + validation.total
    dropped = train.dropped + validation.dropped
    chosen = [_chosen_first(pair, prefers_first(pair, sharpness, seed)) for pair in pairs]
    return {
        "pairs": len(train.pairs),
        "held_out_pairs": len(validation.pairs),
        "drawn": total,
        **{f"{reason}_share": dropped[reason] / total for reason in ("identical", "tied", "empty")},
        "ceiling": ceiling(validation.pairs, sharpness, seed),
        "expected_ceiling": expected_ceiling(validation.pairs, sharpness),
        "train_ceiling": ceiling(train.pairs, sharpness, seed),
        "first_preferred_share": fmean(prefers_first(pair, sharpness, seed) for pair in pairs),
        "mean_length_difference": fmean(pair.token_counts[a] - pair.token_counts[b] for pair, a, b in chosen),
        "longer_preferred_share": fmean(_longer(pair, a, b) for pair, a, b in chosen),
        "mean_length": fmean(length for pair in pairs for length in pair.token_counts),
        "mean_score": fmean(score for pair in pairs for score in pair.scores),
        "mean_score_difference": fmean(abs(pair.scores[0] - pair.scores[1]) for pair in pairs),
        "ended_share": fmean(ended for pair in pairs for ended in pair.ended),
    }


def ceiling(pairs: list[Candidate], sharpness: float | None, seed: int) -> float:
    """Share of the drawn labels that agree with the order of the scores: the accuracy of the judge itself."""
    return fmean(prefers_first(pair, sharpness, seed) == (pair.scores[0] > pair.scores[1]) for pair in pairs)


def expected_ceiling(pairs: list[Candidate], sharpness: float | None) -> float:
    """The same before the labels are drawn: the best accuracy that any reward model can expect on these pairs."""
    return fmean(preference_probability(abs(pair.scores[0] - pair.scores[1]), sharpness) for pair in pairs)


def _chosen_first(pair: Candidate, first: bool) -> tuple[Candidate, int, int]:
    return (pair, 0, 1) if first else (pair, 1, 0)


def _longer(pair: Candidate, chosen: int, rejected: int) -> float:
    """1 if the preferred answer has more tokens, a half if both have as many."""
    difference = pair.token_counts[chosen] - pair.token_counts[rejected]
    return 0.5 if difference == 0 else float(difference > 0)
