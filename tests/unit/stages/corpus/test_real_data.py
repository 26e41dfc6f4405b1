"""The steps on real text, where the bundle of open data lies beside the checkout."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.corpus.extract import main_text
from pipeline.stages.corpus.near_duplicates import drop_near_duplicates
from pipeline.stages.corpus.repair import repaired
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes
from tests.unit.stages.corpus.documents import documents, report

BUNDLE = Path(__file__).parents[5] / "shared/data"


def rows(name: str, limit: int) -> list[dict[str, Any]]:
    path = BUNDLE / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there: the open data bundle does not come with the repository")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(limit), strict=False)]


def test_real_near_duplicates_are_found(tmp_path):
    import numpy as np

    pairs = rows("near_dup_pairs", 400)
    sets = [[np.unique(hashes) for hashes in shingle_hashes([pair["a"], pair["b"]])] for pair in pairs]
    alike = {pair["id"] for pair, both in zip(pairs, sets, strict=True) if jaccard(*both) >= 0.7}
    texts = [pair[side] for side in "ab" for pair in pairs]
    kept = list(drop_near_duplicates(documents(*texts), report=report(tmp_path), work=tmp_path, threshold=0.7))
    both_kept = Counter(int(document.id) % len(pairs) for document in kept)
    missed = [pair["id"] for place, pair in enumerate(pairs) if both_kept[place] == 2 and pair["id"] in alike]
    assert len(alike) > 300
    assert len(missed) / len(alike) < 0.005


def test_real_pages_give_their_article():
    found = []
    for page in rows("html_articles", 10):
        gold, text = (
            Counter(page["gold_text"].lower().split()),
            Counter((main_text(page["html"]) or "").lower().split()),
        )
        found.append(2 * (gold & text).total() / (gold.total() + text.total()))
    assert sum(found) / len(found) > 0.9


@pytest.mark.parametrize("name", ["corpus_books", "corpus_rfcs", "corpus_speeches"])
def test_clean_real_text_is_left_alone(name):
    texts = [row["text"] for row in rows(name, 25)]
    assert sum(repaired(text) != text for text in texts) <= 1
