"""Every kind of file, plain and packed, gives the rows that were written into it, each at its place."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from pipeline.core.errors import DataError
from pipeline.core.references import DataReference, Resolved, accepts
from pipeline.core.resolve import Digests, Resolver
from pipeline.data import files
from pipeline.data.json_lines import _parse_slowly, parse_line
from pipeline.data.parts import parts_of
from pipeline.data.reading import read_documents
from tests.unit.data.test_parts import at, read

PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
TEXTS = ["plain", "", 'with "quotes", commas\tand tabs', "two\nlines", "é \u200b \u202e العربية", "a\x00b"]


def as_jsonl(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text, "topic": "rye"}) + "\n" for text in texts).encode()


def as_csv(texts: list[str], delimiter: str = ",") -> bytes:
    import csv

    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([["text", "topic"], *([text, "rye"] for text in texts)])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_parquet(texts: list[str], **options: Any) -> bytes:
    out = io.BytesIO()
    table = pyarrow.table({"text": texts, "topic": ["rye"] * len(texts)})
    pyarrow.parquet.write_table(table, out, **options)
    return out.getvalue()


def as_warc(
    bodies: list[bytes], kind: str = "text/html; charset=utf-8", status: str = "200 OK", more: str = ""
) -> bytes:
    records = []
    for number, body in enumerate(bodies):
        message = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}\r\n".encode() + body
        head = (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
            f"WARC-Target-URI: http://rye.example/{number}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
            f"Content-Type: application/http;msgtype=response\r\nContent-Length: {len(message)}\r\n\r\n"
        )
        records.append(head.encode() + message + b"\r\n\r\n")
    return b"".join(records)


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.tsv"])
def test_rows_are_read_as_they_were_written(tmp_path: Path, name: str, packed: str):
    texts = [*TEXTS, *(f"text {number}" for number in range(200))]
    made = {"a.jsonl": as_jsonl(texts), "a.csv": as_csv(texts), "a.tsv": as_csv(texts, "\t")}[name]
    path = tmp_path / f"{name}{packed}"
    path.write_bytes(PACK[packed](made))
    documents, bad = read(parts_of(at(path)))
    assert [row["text"] for row in documents] == texts and not bad
    assert all(row["topic"] == "rye" for row in documents)
    line = 1 if name == "a.jsonl" else 2
    assert [row["id"] for row in documents[:3]] == [f"./{path.name}:{line + number}" for number in range(3)]


@pytest.mark.parametrize("packed", PACK)
def test_files_that_are_one_document_may_be_packed(tmp_path: Path, packed: str):
    for name in ("a.txt", "b.md", "c.html", "deep/d.py"):
        path = tmp_path / (name + packed)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PACK[packed](f"<p>é in {name}\x00\n".encode()))
    documents, bad = read(parts_of(at(tmp_path)))
    assert [row.get("text") or row["html"] for row in documents] == [
        f"<p>é in {name}\x00\n" for name in ("a.txt", "b.md", "c.html", "deep/d.py")
    ] and not bad  # fmt: skip
    assert (documents[3]["path"], documents[3]["language"]) == (f"deep/d.py{packed}", "Python")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_row_groups_of_a_parquet_file_are_parts(tmp_path: Path, size: int):
    texts = [f"text {number}" * 20 for number in range(101)]
    path = tmp_path / "a.parquet"
    path.write_bytes(as_parquet(texts, row_group_size=size))
    whole = read(parts_of(at(path)))
    assert [row["text"] for row in whole[0]] == texts and not whole[1]
    assert [row["id"] for row in whole[0]] == [f"./a.parquet:row {number + 1}" for number in range(101)]
    for largest in (1, 500, 3000):
        assert read(parts_of(at(path), largest=largest)) == whole
    assert len(parts_of(at(path), largest=1)) == -(-101 // size)


def test_values_of_a_table_are_as_json_has_them(tmp_path: Path):
    day = date(2026, 1, 2)
    table = pyarrow.table({"text": [b"caf\xc3\xa9", b"caf\xe9", b"x"], "day": [day] * 3, "x": [1.5, 2.0, float("nan")],
                           "deep": [{"days": [day]}] * 3})  # fmt: skip
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (row,), bad = read(parts_of(at(tmp_path / "a.parquet")))
    assert row == {"text": "café", "id": "./a.parquet:row 1", "source": "./a.parquet", "day": "2026-01-02", "x": 1.5,
                   "deep": {"days": ["2026-01-02"]}}  # fmt: skip
    assert [fault.reason for fault in bad] == ["not_utf8", "not_finite"]


@pytest.mark.parametrize("packed", PACK)
def test_pages_of_an_archive_are_read_and_other_records_passed_over(tmp_path: Path, packed: str):
    latin = as_warc(["<p>café".encode("latin-1")], "text/html; charset=iso-8859-1")
    named = as_warc(['<meta charset="koi8-r"><p>рожь'.encode("koi8-r")], "text/html")
    chunked = as_warc([b"4\r\n<p>r\r\n2\r\nye\r\n0\r\n\r\n"], more="Transfer-Encoding: chunked\r\n")
    zipped = as_warc([gzip.compress(b"<p>zipped")], more="Content-Encoding: gzip\r\n")
    others = as_warc([b"%PDF"], "application/pdf") + as_warc([b"<p>gone"], status="404 Not Found")
    path = tmp_path / f"a.warc{packed}"
    path.write_bytes(b"".join(map(PACK[packed], (latin, others, named, chunked, zipped))))
    documents, bad = read(parts_of(at(path)))
    assert not bad
    assert [row["html"] for row in documents] == ["<p>café", '<meta charset="koi8-r"><p>рожь', "<p>rye", "<p>zipped"]
    assert documents[0] == {"html": "<p>café", "id": "http://rye.example/0", "source": f"./a.warc{packed}",
                            "url": "http://rye.example/0", "date": "2026-01-01T00:00:00Z"}  # fmt: skip


def test_an_archive_wants_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.warc").write_bytes(as_warc([b"<p>rye"]))
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"a\.warc: WARC files are read by fastwarc; `pip install 'gristmill\[web\]'`"):
        parts_of(at(tmp_path / "a.warc"))


def test_a_pattern_chooses_files_and_ids_do_not_depend_on_where_the_recipe_lies(tmp_path: Path):
    for name in ("a.md", "b.txt", "deep/a.md", "deep/er/c.md", "deep/.hidden.md", "other/d.md"):
        (tmp_path / "text" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "text" / name).write_text(name)
    (tmp_path / "text/rows.jsonl").write_text('{"text": "row"}\n')

    def ids(pattern: str) -> list[str]:
        source = Resolved(f"./text/{pattern}", "path", "", path=tmp_path / "text", pattern=pattern)
        return [row["id"] for row in read_documents(source)]

    assert ids("**/*.md") == ["./text/a.md", "./text/deep/a.md", "./text/deep/er/c.md", "./text/other/d.md"]
    assert ids("*/a.*") == ["./text/deep/a.md"]
    assert ids("[ab].*") == ["./text/a.md", "./text/b.txt"]
    beside_rows = read_documents(Resolved("./text", "path", "", path=tmp_path / "text"))
    assert [row["text"] for row in beside_rows] == ["b.txt", "row"]


def test_a_pattern_is_identified_by_what_it_means(tmp_path: Path):
    (tmp_path / "a.md").write_text("one")
    (tmp_path / "b.txt").write_text("two")

    def resolve() -> Resolved:
        found = Resolver({}, tmp_path, Digests(None)).resolve(DataReference(path="./*.md"), accepts(schemes="path"))
        assert isinstance(found, Resolved)
        return found

    first = resolve()
    assert (first.path, first.pattern) == (tmp_path, "*.md")
    (tmp_path / "b.txt").write_text("changed")
    assert resolve().fingerprint == first.fingerprint
    (tmp_path / "a.md").write_text("changed")
    assert resolve().fingerprint != first.fingerprint


def test_links_to_folders_are_followed_and_loops_named(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.txt").write_text("far")
    (tmp_path / "text").mkdir()
    (tmp_path / "text/linked").symlink_to(tmp_path / "elsewhere")
    assert [row["id"] for row in read_documents(at(tmp_path / "text"))] == ["./text/linked/a.txt"]
    (tmp_path / "elsewhere/back").symlink_to(tmp_path)
    with pytest.raises(
        DataError, match=r"linked/back/text/linked: a link to a folder that it lies in; remove the link"
    ):
        list(read_documents(at(tmp_path / "text")))


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_reader_of_json_answers_as_the_slow_one(seed: int):
    """Numbers of any size, halves of surrogate pairs, control characters, deep brackets, cut lines."""
    chance = random.Random(seed)
    atoms = ["1", "-0", "-0.0", "0.1e-400", "1e999", "NaN", "-Infinity", "9" * 30, "-9223372036854775809", "1.5",
             "9223372036854775807", "18446744073709551616", "18446744073709551615", '"\\ud800"', '"\\ud83d\\ude00"',
             '"x\x00"', '"\x7f é"', "null", "true", "01", '"\xa0"', "[" * 90 + "]" * 90, '{"a": 1, "a": 2}']  # fmt: skip
    for _ in range(1000):
        values = [f'"{key}": {chance.choice(atoms)}' for key in "abc"[: chance.randrange(1, 4)]]
        line = ("{" + ", ".join(values) + "}").encode()
        if chance.random() < 0.2:
            line = b'{"deep": [' + line + b", {}]}"
        if chance.random() < 0.1:
            line = line[: chance.randrange(1, len(line))]
        if chance.random() < 0.1:
            line = chance.choice([b"\xa0", b"\xc2\xa0", b" \t", b"\x0c", b"\xff"]) + line + b"\r\n"
        fast, slow = parse_line(line, "a:1"), _parse_slowly(line, "a:1")
        assert repr(fast) == repr(slow), line


FILES: dict[str, bytes] = {
    "a.jsonl": as_jsonl(TEXTS * 5),
    "a.csv": as_csv(TEXTS * 5),
    "a.parquet": as_parquet(TEXTS * 5, row_group_size=7),
    "a.warc": as_warc([b"<p>rye"] * 3) + as_warc([gzip.compress(b"<p>rye")] * 3, more="Content-Encoding: gzip\r\n"),
    "a.html": '<meta charset="koi8-r"><p>рожь'.encode("koi8-r"),
    "a.txt": "é".encode() * 50,
}


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut off, put in and left out."""
    made = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(made) + 1)
        change = chance.randrange(4)
        if change == 0:
            made[at : at + 1] = chance.randbytes(1)
        elif change == 1 and chance.random() < 0.4:
            del made[at:]
        elif change == 2:
            made[at:at] = chance.randbytes(chance.randrange(20))
        else:
            del made[at : at + chance.randrange(20)]
    return bytes(made)


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_whatever_the_bytes_are_reading_ends_in_documents_and_bad_rows(tmp_path: Path, count: int):
    chance = random.Random(count)
    for _ in range(count):
        name = chance.choice(list(FILES))
        packed = chance.choice(list(PACK)) if name != "a.parquet" else ""
        path = tmp_path / f"{name}{packed}"
        if chance.random() < 0.6:
            path.write_bytes(PACK[packed](mutated(FILES[name], chance)))
        else:
            path.write_bytes(mutated(PACK[packed](FILES[name]), chance))
        documents, bad = read(parts_of(at(path), largest=chance.choice([300, 10**9])))
        assert documents or bad
        assert all(isinstance(row.get("text", row.get("html")), str) for row in documents)
        path.unlink()
