"""The steps on real text, where the bundle of open data lies beside the checkout."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.references import Resolved
from pipeline.stages.corpus.config import Language
from pipeline.stages.corpus.decontaminate import index_benchmarks, load_index, overlap, texts_in
from pipeline.stages.corpus.extract import main_text
from pipeline.stages.corpus.language import language_of
from pipeline.stages.corpus.pii import without_pii
from pipeline.stages.corpus.repair import repaired
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes
from tests.unit.stages.corpus.documents import deduplicated

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
    kept = set(deduplicated(tmp_path, texts)[0])
    both_kept = Counter(place % len(pairs) for place, text in enumerate(texts) if text in kept)
    missed = [pair["id"] for place, pair in enumerate(pairs) if both_kept[place] == 2 and pair["id"] in alike]
    assert len(alike) > 300
    assert len(missed) / len(alike) < 0.005


@pytest.mark.parametrize(("extractor", "least", "pages"), [("precise", 0.93, 10), ("fast", 0.87, 30)])
def test_real_pages_give_their_article(extractor, least, pages):
    """Runs of four words, as in the benchmark that the pages come from."""
    precision, recall = [], []
    for page in rows("html_articles", pages):
        gold, text = (runs_of_four(text) for text in (page["gold_text"], main_text(page["html"], extractor) or ""))
        precision.append((gold & text).total() / text.total())
        recall.append((gold & text).total() / gold.total())
    p, r = sum(precision) / pages, sum(recall) / pages
    assert 2 * p * r / (p + r) >= least


def runs_of_four(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(zip(*(words[start:] for start in range(4)), strict=False))


def test_languages_of_real_lines():
    lines = rows("langid_udhr", 2_000)
    assert sum(language_of(line["text"])[0] == line["lang"] for line in lines) / len(lines) >= 0.99
    kept = sum(language_of(line["text"])[1] >= Language().min_confidence for line in lines)
    assert kept / len(lines) >= 0.995


@pytest.mark.parametrize("name", ["corpus_books", "corpus_rfcs", "corpus_speeches"])
def test_clean_real_text_is_left_alone(name):
    texts = [row["text"] for row in rows(name, 25)]
    assert sum(repaired(text) != text for text in texts) <= 1


def test_real_leaks_are_those_that_the_plain_definition_finds(tmp_path):
    """Some of GSM8K's training problems have a test problem's wording."""
    benchmark = Resolved(address="gsm8k", scheme="path", fingerprint="", path=BUNDLE / "gsm8k_test.jsonl.gz")
    theirs = set().union(*(runs_of(text, 13) for row in rows("gsm8k_test", 2_000) for text in texts_in(row)))
    index_benchmarks([benchmark], 13, tmp_path / "index.npz")
    index = load_index(str(tmp_path / "index.npz"))
    texts = [row["question"] for row in rows("gsm8k_train", 3_000)]
    found = [overlap(text, index) is not None for text in texts]
    assert found == [bool(runs_of(text, 13) & theirs) for text in texts] and sum(found) >= 2


def runs_of(text: str, length: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(*(words[start:] for start in range(length)), strict=False))


def test_clean_real_text_has_no_telephones_and_few_addresses():
    texts = [row["text"] for name in ("corpus_books", "corpus_speeches", "corpus_rfcs") for row in rows(name, 60)]
    assert not [text for text in texts if "<" in without_pii(text.replace("<", ""), ("phone", "iban", "ip"))]
