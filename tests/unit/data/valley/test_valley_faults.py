"""The planted faults are what their labels say, and a row does not depend on how many are asked for."""

from __future__ import annotations

import html
import re

import pytest

from pipeline.core.references import Resolved
from pipeline.data.reading import read_documents
from pipeline.data.valley.faults import BLOCKLIST, PRESENTATIONS, ROWS, SHARES, SHORT_ITEMS, rows

SAMPLE = 800


@pytest.fixture(scope="module")
def sample():
    return {row["id"]: row | {"labels": set(row["faults"].split())} for row in rows("train", SAMPLE)}


def having(sample, label):
    return [row for row in sample.values() if label in row["labels"]]


def test_more_rows_begin_with_the_same_ones(sample):
    assert list(rows("train", 30)) == [
        {k: v for k, v in row.items() if k != "labels"} for row in list(sample.values())[:30]
    ]
    benchmark = list(rows("benchmark"))
    assert benchmark == list(rows("benchmark", 400))[: ROWS["benchmark"]]
    assert sum(len(row["question"].split()) < 13 for row in benchmark) == SHORT_ITEMS


def test_every_label_is_there_about_as_often_as_it_should(sample):
    kinds = {"email", "ip", "phone", "iban"}
    for label in (SHARES.keys() - {"private"}) | PRESENTATIONS.keys() | kinds:
        assert len(having(sample, label)) > 8, label
    assert 0.2 < sum(not row["labels"] for row in sample.values()) / SAMPLE < 0.5


def test_a_copy_has_its_originals_labels_and_text(sample):
    presented = set(PRESENTATIONS) | {"exact", "near"}
    for label in ("exact", "near"):
        for row in having(sample, label):
            original = sample[row["copy_of"]]
            assert original["id"] < row["id"]
            assert row["labels"] - presented == original["labels"] - presented
            assert (row["private"], row["leak_of"], row["language"]) == (
                original["private"],
                original["leak_of"],
                original["language"],
            )
            assert (row["clean"] == original["clean"]) >= (label == "exact")


def test_what_is_planted_stands_in_the_text(sample):
    items = {row["id"]: re.findall(r"\w+", row["question"].lower()) for row in rows("benchmark")}
    for row in sample.values():
        assert all(private in row["clean"] for private in row["private"].split("\n"))
        assert ("blocked" in row["labels"]) == any(entry in row["clean"].lower() for entry in BLOCKLIST)
        assert ("leak" in row["labels"]) == (row["leak_of"] is not None)
        if row["leak_of"]:
            said, item = re.findall(r"\w+", row["clean"].lower()), items[row["leak_of"]]
            assert any(
                said[a : a + 13] == item[b : b + 13] for a in range(len(said) - 12) for b in range(len(item) - 12)
            )
        shown = row["text"] if "text" in row else html.unescape(row["html"])
        assert ("page" in row["labels"]) == ("html" in row)
        changed = any(line not in shown for line in row["clean"].split("\n"))
        assert changed == bool(row["labels"] & {"mojibake", "invisible"}) or "invisible" in row["labels"]


def test_a_recipe_reads_them():
    source = Resolved(address="builtin:valley-faults", scheme="builtin", fingerprint="", name="valley-faults")
    documents = list(read_documents(source, limit=50))
    assert {"text", "html"} == {name for row in documents for name in ("text", "html") if name in row}
