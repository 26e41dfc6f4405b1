"""The corpus stage against the generated world's planted faults: who has which is known, so recall and precision are.

Bounds are .99 for every step. Near duplicates are judged by the true similarity of all pairs, not by what was planted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import pytest

from pipeline.core.references import Resolved
from pipeline.data.valley.faults import BLOCKLIST, SHORT_ITEMS
from pipeline.data.valley.faults import rows as fault_rows
from pipeline.data.valley.private import KINDS
from pipeline.stages.corpus.extract import main_text
from pipeline.stages.corpus.language import language_of
from pipeline.stages.corpus.pii import without_pii
from pipeline.stages.corpus.repair import repaired
from tests.unit.stages.corpus.documents import Made

pytestmark = pytest.mark.learning

ROWS = 1_500
BOUND = 0.99
REASONS = {
    "short": "too_short", "repeated": "repeated_lines", "foreign": "other_language", "blocked": "blocked",
    "leak": "benchmark",
}  # fmt: skip
"""Why a document with the label is dropped, in the order of the steps."""
SETTINGS = {
    "language": {"keep": ["en"]}, "safety": {"blocklist": list(BLOCKLIST), "pii": ["email", "ip", "phone", "iban"]},
    "deduplicate": {"exact": True, "near": {"threshold": 0.7}}, "validation": 0, "tasks": 3,
}  # fmt: skip


def builtin(split: str) -> Resolved:
    return Resolved(
        address="builtin:valley-faults", scheme="builtin", fingerprint="", name="valley-faults", split=split
    )


@pytest.fixture(scope="module")
def planted() -> list[dict[str, Any]]:
    return list(fault_rows("train", ROWS))


@pytest.fixture(scope="module")
def made(tmp_path_factory: Any) -> Made:
    folder = tmp_path_factory.mktemp("faults")
    return Made(folder, builtin("train"), benchmarks=[builtin("benchmark")], limit=ROWS, **SETTINGS)


@pytest.fixture(scope="module")
def fate(made: Made) -> dict[str, dict[str, Any]]:
    """The row of each document, kept or dropped, by its id."""
    rows = made.rows() + [row for path in (made.path / "dropped").iterdir() for row in made.dropped(path.name[:-12])]
    return {row["id"]: row for row in rows}


def agreement(found: set[str], true: set[str]) -> tuple[float, float]:
    """Recall and precision."""
    both = len(found & true)
    return both / len(true), both / max(1, len(found))


def expected(row: dict[str, Any]) -> str:
    """The text as it should come out: clean, with marks in place of what is private."""
    text, kinds = row["clean"], [label for label in KINDS if label in row["faults"].split()]
    for private, kind in zip(filter(None, row["private"].split("\n")), kinds, strict=True):
        number = re.sub(r"^(Tel\.: |phone )", "", private)  # the word that calls it a telephone stays
        assert number in text
        text = text.replace(number, f"<{kind.upper()}>")
    return text


def reason_of(row: dict[str, Any]) -> str | None:
    return next((reason for label, reason in REASONS.items() if label in row["faults"].split()), None)


def test_every_document_is_kept_or_dropped_and_counted(made, fate, planted):
    assert set(fate) == {row["id"] for row in planted}
    figures = made.outcome.metrics
    assert figures["documents_read"] == ROWS == figures["documents"] + sum(figures["dropped"].values())


@pytest.mark.parametrize("label", REASONS)
def test_what_must_go_goes_for_its_own_reason(label, fate, planted):
    true = {row["id"] for row in planted if reason_of(row) == REASONS[label]}
    found = {identity for identity, row in fate.items() if row.get("reason") == REASONS[label]}
    assert len(true) >= 20
    assert min(agreement(found, true)) >= BOUND


def test_exact_copies_are_those_of_an_earlier_text(fate, planted):
    seen, true = set(), set()
    for row in planted:
        if reason_of(row) is None:
            key = tuple(expected(row).split())
            true |= {row["id"]} if key in seen else set()
            seen.add(key)
    found = {identity for identity, row in fate.items() if row.get("reason") == "exact_duplicate"}
    assert len(true) >= 50
    assert min(agreement(found, true)) >= BOUND


def test_near_copies_are_those_that_resemble_a_kept_text(fate, planted):
    left = [row for row in planted if fate[row["id"]].get("reason") in (None, "near_duplicate")]
    resembled = defaultdict(list)
    for one, other, similarity in similar_pairs([expected(row) for row in left]):
        if similarity >= 0.7:
            resembled[other].append(one)
    true: set[int] = set()
    for place in range(len(left)):
        if any(earlier not in true for earlier in resembled[place]):
            true.add(place)
    found = {identity for identity, row in fate.items() if row.get("reason") == "near_duplicate"}
    assert len(true) >= 30
    assert min(agreement(found, {left[place]["id"] for place in true})) >= BOUND


def similar_pairs(texts: list[str]) -> Iterator[tuple[int, int, float]]:
    """All pairs with a run of five words in common, and their Jaccard similarity."""
    shingles = []
    for text in texts:
        words = re.findall(r"\w+", text.lower())
        shingles.append({tuple(words[start : start + 5]) for start in range(len(words) - 4)})
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, runs in enumerate(shingles):
        for run in runs:
            holders[run].append(place)
    common = Counter(pair for places in holders.values() for pair in combinations(places, 2))
    for (one, other), count in common.items():
        yield one, other, count / (len(shingles[one]) + len(shingles[other]) - count)


@pytest.mark.parametrize("label", ["page", "mojibake", "invisible", *KINDS])
def test_what_stays_comes_out_as_it_should(label, fate, planted):
    """Every fault is mended: the text is exact, and no text is touched that has none."""
    by_id = {row["id"]: row for row in planted}
    kept = {identity: row["text"] for identity, row in fate.items() if "reason" not in row}
    with_fault = [identity for identity in kept if label in by_id[identity]["faults"].split()]
    right = [identity for identity in kept if kept[identity] == expected(by_id[identity])]
    assert len(with_fault) >= 30
    assert len(set(right) & set(with_fault)) / len(with_fault) >= BOUND
    assert len(right) / len(kept) >= BOUND


def shares(pairs: Iterable[tuple[str, str]]) -> float:
    pairs = list(pairs)
    assert len(pairs) > 30
    return sum(one == other for one, other in pairs) / len(pairs)


def test_each_step_alone_on_what_the_others_would_have_dropped(planted):
    """The steps on a text each, dropped or not: copies carry their labels, so every text has a truth."""
    pages = [(row["html"], row["clean"]) for row in planted if row["faults"] in ("page", "near page", "exact page")]
    assert shares((main_text(page) or "", clean) for page, clean in pages) >= BOUND
    assert (
        shares((" ".join((main_text(page, "fast") or "").split()), " ".join(clean.split())) for page, clean in pages)
        >= BOUND
    )
    plain = [row for row in planted if "text" in row]
    assert shares((repaired(row["text"]), row["clean"]) for row in plain) >= BOUND
    for kind in KINDS:
        having = [row for row in planted if kind in row["faults"].split()]
        found = sum(f"<{kind.upper()}>" in without_pii(row["clean"], [kind]) for row in having)
        others = [row["clean"] for row in planted if kind not in row["faults"].split()]
        assert found / len(having) >= BOUND
        assert sum(without_pii(text, [kind]) == text for text in others) / len(others) >= BOUND
    assert shares((without_pii(row["clean"], KINDS), expected(row)) for row in planted) >= BOUND
    long = [row for row in planted if not {"short", "repeated"} & set(row["faults"].split())]
    assert shares((language_of(row["clean"])[0], row["language"]) for row in long) >= BOUND


def test_items_too_short_to_be_found_are_told(made):
    import json

    (benchmark,) = json.loads((made.path / "benchmarks.json").read_text())["benchmarks"]
    answers = benchmark["rows"]
    assert benchmark["items"] == 3 * answers  # id, question, answer
    assert benchmark["too_short"] == 2 * answers + SHORT_ITEMS
