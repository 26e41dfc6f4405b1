from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE
from pipeline.data.sizes import UNKNOWN, size_of

COUNTED = [(entry.name, split) for entry in CATALOGUE.values() for split in entry.rows]


def builtin(name: str, split: str | None = None) -> Resolved:
    return Resolved(f"builtin:{name}", "builtin", "", name=name, split=split)


@pytest.mark.parametrize(("name", "split"), COUNTED)
def test_the_catalogue_counts_rows_as_they_come(name: str, split: str):
    entry = CATALOGUE["data", name]
    assert sum(1 for _ in entry.open(split)) == entry.rows[split]


def test_every_data_set_is_counted_or_slow():
    assert all(
        entry.slow or set(entry.rows) == set(entry.splits)
        for (family, _), entry in CATALOGUE.items()
        if family == "data"
    )


def test_a_small_file_is_counted_and_its_text_measured(tmp_path: Path):
    path = tmp_path / "chat.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": "a" * size}, {"role": "assistant", "content": "é"}]}
        for size in (2, 6)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    size = size_of(Resolved("./chat.jsonl", "path", "", path=path))
    assert (size.rows, size.row_bytes, size.longest_bytes, size.row_messages) == (2, 6.0, 8, 2.0)


def test_what_would_take_seconds_or_the_hub_is_unknown():
    assert size_of(builtin("pydocs")) == UNKNOWN
    assert size_of(Resolved("hf://datasets/a/b", "hf", "", name="a/b")) == UNKNOWN
