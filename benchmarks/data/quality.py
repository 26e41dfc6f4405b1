"""How well the steps do on real text: extraction against gold text, language, near-duplicates against their true
similarity; each with its speed."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data.whole import texts
from pipeline.stages.corpus.extract import main_text
from pipeline.stages.corpus.language import language_of
from pipeline.stages.corpus.near_duplicates import band_keys, candidate_pairs
from pipeline.stages.corpus.shingles import jaccard, shingle_hashes

PASSAGES, COPIES = 12_000, 4_000
_PASSAGE = 1_500


def extraction(data: Path) -> None:
    """F1 of runs of four words, averaged as the pages' own benchmark does, and speed."""
    pages = list(rows(data, "html_articles"))
    size = sum(len(page["html"].encode()) for page in pages) / 1e6
    for extractor in ("precise", "fast"):
        main_text(pages[0]["html"], extractor)
        start = time.process_time()
        found = [main_text(page["html"], extractor) or "" for page in pages]
        seconds = time.process_time() - start
        both = [(_runs(page["gold_text"]), _runs(text)) for page, text in zip(pages, found, strict=True)]
        precision = np.mean([(gold & text).total() / max(text.total(), 1) for gold, text in both])
        recall = np.mean([(gold & text).total() / gold.total() for gold, text in both])
        print(f"extraction, {extractor:<7} F1 {2 * precision * recall / (precision + recall):.3f} "
              f"(P {precision:.3f}, R {recall:.3f}) on {len(pages)} pages, {size / seconds:.0f} MB/CPU-s")  # fmt: skip


def languages(data: Path) -> None:
    """Accuracy on lines of known language, and speed."""
    lines = list(rows(data, "langid_udhr"))
    language_of(lines[0]["text"])
    start = time.process_time()
    right = sum(language_of(line["text"])[0] == line["lang"] for line in lines)
    size = sum(len(line["text"].encode()) for line in lines) / 1e6
    print(f"language: {right / len(lines):.4f} of {len(lines):,} lines in {len({line['lang'] for line in lines})} "
          f"languages, {size / (time.process_time() - start):.1f} MB/CPU-s")  # fmt: skip


def near_duplicates(data: Path) -> None:
    """Recall among the pairs whose true similarity is .7 or more, over all pairs that share a run of words."""
    passages = planted(data)
    size = sum(len(text.encode()) for text in passages) / 1e6
    shingle_hashes([passages[0]])
    start = time.process_time()
    keys = np.concatenate([band_keys(shingle_hashes(passages[i : i + 500])) for i in range(0, len(passages), 500)])
    pairs = candidate_pairs(keys)
    sets = [np.unique(hashes) for hashes in shingle_hashes(passages)]
    found = {(int(low), int(high)) for low, high in pairs if jaccard(sets[low], sets[high]) >= 0.7}
    seconds = time.process_time() - start
    true = true_pairs(passages)
    missed = {pair for pair in true if pair not in found}
    recall, false = 1 - len(missed) / len(true), len(found - set(true))
    print(f"near duplicates: recall {recall:.4f} of {len(true):,} pairs at a true similarity of .7 or more, {false} "
          f"false; {size / seconds:.1f} MB/CPU-s, candidates compared")  # fmt: skip


def planted(data: Path) -> list[str]:
    """Passages of real text, and copies of some with a share of words replaced, none to an eighth."""
    draws, found = random.Random(3), []
    for text in texts(data):
        found += [text[start : start + _PASSAGE] for start in range(0, len(text) - _PASSAGE, _PASSAGE)]
    found = draws.sample(found, min(PASSAGES, len(found)))
    for original in draws.sample(found, COPIES):
        words, rate = original.split(" "), draws.uniform(0, 0.12)
        found.append(" ".join("replaced" if draws.random() < rate else word for word in words))
    return found


def true_pairs(passages: list[str]) -> dict[tuple[int, int], float]:
    """Every pair of passages whose sets of five-word runs have a Jaccard similarity of .7 or more, found by counting
    the runs that two passages share."""
    runs = []
    for passage in passages:
        words = re.findall(r"\w+", passage.lower())
        runs.append({tuple(words[start : start + 5]) for start in range(len(words) - 4)})
    where: dict[tuple[str, ...], list[int]] = {}
    for place, found in enumerate(runs):
        for run in found:
            where.setdefault(run, []).append(place)
    shared: Counter[tuple[int, int]] = Counter()
    for places in where.values():
        if 1 < len(places) <= 200:  # a run in more passages than that is boilerplate; pairs at .7 share rarer ones too
            shared.update(combinations(places, 2))
    similar = {pair: len(runs[pair[0]] & runs[pair[1]]) / len(runs[pair[0]] | runs[pair[1]]) for pair in shared}
    return {pair: value for pair, value in similar.items() if value >= 0.7}


def rows(data: Path, name: str) -> Iterator[dict[str, Any]]:
    """The rows of a file of the bundle."""
    with gzip.open(data / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _runs(text: str) -> Counter[tuple[str, ...]]:
    words = re.findall(r"\w+", text)
    return Counter(zip(*(words[start:] for start in range(4)), strict=False))
