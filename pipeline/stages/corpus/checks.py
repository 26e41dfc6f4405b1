"""Looks at a finished corpus: how much stayed, whether both splits hold something, how many copies are left."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from pipeline.artifacts import Corpus
from pipeline.core.artifact import Artifact, read_json
from pipeline.core.stage import Check, Inputs, StageContext, graded
from pipeline.data.funnel import off_by
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.near_duplicates import band_keys, candidate_pairs, choose_dropped
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes

SAMPLE = 2_000
_DEFAULT_THRESHOLD = 0.7
_KEPT, _ALL_BUT_NONE = 0.5, 0.01
_LEFT, _MOSTLY_COPIES = 0.01, 0.2
_FEW_HELD_OUT = 10
"""Held-out documents below which a loss says little."""


def check(config: Config, inputs: Inputs, artifact: Artifact, context: StageContext) -> list[Check]:
    """The checks of a corpus."""
    corpus = Corpus(artifact.path, artifact.fingerprint, artifact.address)
    funnel = read_json(artifact.path / "funnel.json")
    checks = [share_kept(artifact.metrics["share_kept"]), accounted_for(funnel), duplicates_left(corpus, config)]
    if config.validation > 0:
        fewest = 1 if config.validation_from == "ends" else _FEW_HELD_OUT
        checks.append(validation_filled(artifact.metrics["validation_documents"], fewest))
    return checks


def share_kept(share: float) -> Check:
    """Whether the steps dropped more than is plausible; all but none of the documents is a mistake."""
    return Check(
        name="share kept",
        figure=round(share, 4),
        expected=f"at least {_KEPT}, never below {_ALL_BUT_NONE}",
        verdict=graded(warn=share < _KEPT, fail=share < _ALL_BUT_NONE),
        advice="funnel.json says which step dropped what, dropped/ holds the documents: loosen `filters`",
    )


def accounted_for(funnel: Mapping[str, Any]) -> Check:
    """Whether every document that went into a step came out of it or was dropped, and went into the next; and whether
    each source's account adds up.
    """
    steps = funnel["steps"]
    lost = off_by(steps) + sum(abs(one["out"] - other["in"]) for one, other in pairwise(steps))
    for step in steps:
        dropped = sum(sum(counts.values()) for counts in step["dropped"].values())
        lost += abs(step["in"] + sum(step["repeated"].values()) - step["out"] - dropped)
    return Check(
        name="documents unaccounted for",
        figure=lost,
        expected="0",
        verdict=graded(fail=lost > 0),
        advice="a fault of this package: report it",
    )


def validation_filled(documents: int, fewest: int = _FEW_HELD_OUT) -> Check:
    """Whether there is anything to validate on, and enough."""
    return Check(
        name="validation documents",
        figure=documents,
        expected=f"at least {fewest}",
        verdict=graded(warn=documents < fewest, fail=not documents),
        advice="raise `validation`, or add documents",
    )


def duplicates_left(corpus: Corpus, config: Config) -> Check:
    """Share of a sample of documents, validation first, that resemble an earlier one of the sample.

    Of a large corpus the sample finds fewer copies than there are, never more. A corpus that is mostly copies is
    learned by heart, and copies of validation documents in training make every held-out figure too good. Documents
    that the weights of the sources ask for several times are no copies left.
    """
    near = config.deduplicate.near
    threshold = near.threshold if near else _DEFAULT_THRESHOLD
    texts = [*_sample(corpus, "validation", SAMPLE // 4), *_sample(corpus, "train", SAMPLE)]
    if any(source.weight for source in config.sources):
        texts = list(dict.fromkeys(texts))
    share = resembling_share(texts, threshold)
    return Check(
        name=f"duplicates left among {len(texts)}",
        figure=round(share, 4),
        expected=f"at most {_LEFT}, never above {_MOSTLY_COPIES}",
        verdict=graded(warn=share > _LEFT, fail=share > _MOSTLY_COPIES),
        advice="set deduplicate.exact and deduplicate.near, or lower its threshold",
    )


def resembling_share(texts: list[str], threshold: float) -> float:
    """Share of the texts whose five-word similarity to an earlier text is `threshold` or more."""
    if not texts:
        return 0.0
    shingles = shingle_hashes(texts)
    pairs = candidate_pairs(band_keys(shingles)).tolist()
    sets = [np.unique(hashes) for hashes in shingles]
    similar = ((lower, higher, jaccard(sets[lower], sets[higher])) for lower, higher in pairs)
    return len(choose_dropped(pair for pair in similar if pair[2] >= threshold)) / len(texts)


def _sample(corpus: Corpus, split: str, size: int) -> Iterator[str]:
    """About `size` texts of a split at most, chosen by a hash of the text: exact copies come together or not at all."""
    share = max(1, -(-corpus.metrics[f"{split}_documents"] // size))
    for line in _lines(corpus.shards(split)):
        text = json.loads(line)["text"]
        if xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) % share == 0:
            yield text


def _lines(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        with open(path, "rb") as file:
            yield from file
