"""A source in parts is the source: the same documents under the same ids, and the same bad rows, whatever the cut."""

from __future__ import annotations

import json
import pickle
import random
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.parts import Part, parts_of
from pipeline.data.reading import BadRow, read_documents, read_part


def at(path: Path, **options: Any) -> Resolved:
    return Resolved(address=f"./{path.name}", scheme="path", fingerprint="", path=path, **options)


def read(parts: list[Part]) -> tuple[list[dict[str, Any]], list[BadRow]]:
    """The documents and the bad rows of parts that have gone through another process, one after another."""
    bad: list[BadRow] = []
    sent = pickle.loads(pickle.dumps(parts))
    return list(chain.from_iterable(read_part(part, bad.append) for part in sent)), bad


def lines(chance: random.Random, count: int) -> bytes:
    """Good rows of any length, blank lines, line ends of Windows, and rows of each fault."""
    made = []
    for number in range(count):
        text = json.dumps({"text": "é" * chance.randrange(40), "number": number}).encode()
        faults = [b'{"text": "a', b"[1]", b'{"text": 5}', b'{"body": "x"}', b'{"text": "\xe9"}', b'{"text": NaN}']
        made.append(chance.choice([text, text, text, b"", b"  ", text + b"\r", chance.choice(faults)]))
    return b"\n".join(made) + chance.choice([b"", b"\n", b"\n\n"])


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_of_any_cut_are_the_whole(tmp_path: Path, seed: int):
    chance = random.Random(seed)
    (tmp_path / "data").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / "data" / name).write_bytes(b"\xef\xbb\xbf" + lines(chance, 60))
    (tmp_path / "data/c.txt").write_text("three")
    source = at(tmp_path / "data")
    whole = read(parts_of(source))
    assert len(whole[0]) > 40 and len(whole[1]) > 5
    for largest in (1, 7, 50, 300, 2000):
        parts = parts_of(source, largest=largest)
        assert read(parts) == whole
        assert sum(part.bytes for part in parts) == sum(file.stat().st_size for file in source.path.iterdir())
    assert len(parts_of(source, largest=300)) > 10


def test_a_limit_makes_one_part_that_stops_after_so_many_rows(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": 2}\n')
    (tmp_path / "b.jsonl").write_text('{"text": "three"}\n{"text": "four"}\n')
    parts = parts_of(at(tmp_path), limit=3)
    documents, bad = read(parts)
    assert len(parts) == 1
    assert [document["text"] for document in documents] == ["one", "three"]
    assert [row.reason for row in bad] == ["not_text"]


def test_the_first_bad_row_is_an_error_where_nobody_takes_it(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": 2}\n{"text": "three"}\n')
    with pytest.raises(DataError) as error:
        list(chain.from_iterable(map(read_part, parts_of(at(tmp_path / "a.jsonl")))))
    documents, (row,) = read(parts_of(at(tmp_path / "a.jsonl")))
    assert [document["id"] for document in documents] == ["./a.jsonl:1", "./a.jsonl:3"]
    assert row.message == str(error.value) == f"{tmp_path}/a.jsonl:2: text: 2 where text is wanted"
    assert row == BadRow(f"{tmp_path}/a.jsonl:2", "not_text", row.message, "2")


def test_builtins_are_parts_too():
    source = Resolved("builtin:valley", "builtin", "", name="valley")
    (part,) = parts_of(source)
    assert part.bytes > 1_000_000
    assert read(parts_of(source, limit=3))[0] == list(read_documents(source, limit=3))
