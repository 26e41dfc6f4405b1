"""Faulty data is answered by one line that names file, line and column, and the way on."""

from __future__ import annotations

import bz2
import gzip
import lzma
import resource
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data import csv_rows, json_lines, pages
from pipeline.data.parts import parts_of
from pipeline.data.reading import BadRow, read_conversations, read_documents, read_pairs, read_part, read_prompts
from pipeline.stages.tokenizer.texts import texts
from tests.contracts.bad_input.data import ANSWER, GOOD, TABLES, USER, lines
from tests.contracts.bad_input.fault import Fault, assert_answered, fault, names

READERS = {
    "documents": read_documents,
    "texts": lambda source: texts([source]),
    "conversations": read_conversations,
    "prompts": read_prompts,
    "pairs": read_pairs,
}
ROWS = [row for table in TABLES.values() for row in table]


def source_at(folder: Path, name: str, content: bytes | None, options: dict) -> Resolved:
    file = folder / name
    file.parent.mkdir(exist_ok=True)
    if "beside" in options:
        (file.parent / "a.jsonl").write_bytes(options["beside"])
    if "link" in options:
        file.symlink_to(options["link"])
    elif content is not None:
        file.write_bytes(content)
    path = file.parent if file.parent != folder else file
    shape = {key: options[key] for key in ("split", "columns") if key in options}
    return Resolved(str(path), "path", "", path=path, **shape)


@pytest.mark.parametrize("row", ROWS, ids=names)
def test_each_fault_is_one_located_line(tmp_path: Path, row: Fault):
    reader, name, content, options = row.how
    with pytest.raises(DataError) as caught:
        list(READERS[reader](source_at(tmp_path, name, content, options)))
    assert caught.value.exit_code == 3
    assert_answered(str(caught.value), row, tmp_path)


def peak() -> int:
    """Bytes of memory that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("size", [2**28, pytest.param(2**31, marks=pytest.mark.slow)])
def test_a_line_without_end_is_refused_within_bounded_memory(tmp_path: Path, size: int):
    """No more of it is kept than a line may have, and what follows it can be read."""
    with open(tmp_path / "a.jsonl", "wb") as file:
        file.write(b'{"text": "short"}\n{"text": "')
        file.seek(size, 1)
        file.write(b'"}\n{"text": "after"}\n')
    before, bad = peak(), []
    (part,) = parts_of(source_at(tmp_path, "a.jsonl", None, {}), largest=2**40)
    assert [row["id"] for row in read_part(part, bad.append)] == [f"{tmp_path}/a.jsonl:{line}" for line in (1, 3)]
    assert [(row.place, row.reason) for row in bad] == [(f"{tmp_path}/a.jsonl:2", "too_long_line")]
    assert bad[0].message.endswith(":2: a line of more than 67,108,864 bytes; is a line break missing?")
    assert peak() - before < 3 * json_lines.LONGEST_LINE


BOMBS = [
    ("a.txt.gz", gzip.compress, b"", "more than 2,097,152 bytes are too many for one document; cut the file, …"),
    ("a.html.zst", zstandard.compress, b"", "more than 2,097,152 bytes are too many for one document; …"),
    ("a.jsonl.bz2", bz2.compress, b'{"text": "', "a line of more than 2,097,152 bytes; is a line break missing?"),
    ("a.csv.xz", lzma.compress, b"text\n", "a line of more than 2,097,152 bytes; is a line break missing?"),
    ("a.csv.gz", gzip.compress, b'text\n"\n\n', "no CSV (field larger than field limit (2097152)); correct the row"),
]


@pytest.mark.parametrize(("name", "pack", "start", "said"), BOMBS, ids=[bomb[0] for bomb in BOMBS])
def test_a_small_file_that_unpacks_to_much_is_refused_within_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pack: Any, start: bytes, said: str
):
    """20 MB in a file of a few kilobytes, where a document may have 2 MB."""
    line = b"x\n" if start.endswith(b"\n\n") else b"xx"
    source = source_at(tmp_path, name, pack(start + line * 10_000_000), {})
    assert source.path.stat().st_size < 200_000
    for module, limit in ((json_lines, "LONGEST_LINE"), (csv_rows, "LONGEST_LINE"), (pages, "LARGEST_TEXT")):
        monkeypatch.setattr(module, limit, 2**21)
    before = peak()
    with pytest.raises(DataError) as caught:
        list(read_documents(source))
    assert_answered(str(caught.value).replace(str(tmp_path) + "/", ""), fault("", None, f"{name}…{said}"), tmp_path)
    assert peak() - before < 16e6


def test_of_a_damaged_file_the_rest_is_one_bad_row_and_the_next_file_is_read(tmp_path: Path):
    folder = tmp_path / "DIR"
    source_at(tmp_path, "DIR/b.jsonl.gz", gzip.compress(GOOD * 200_000)[:-300], {"beside": GOOD})
    (folder / "c.csv").write_bytes(b"text,id\nrye\nwheat,2\n")
    bad: list[BadRow] = []
    parts = parts_of(Resolved(str(folder), "path", "", path=folder))
    texts = [row["text"] for part in parts for row in read_part(part, bad.append)]
    assert 1000 < len(texts) < 200_001 and texts[-1] == "wheat"
    assert [(Path(row.place).name, row.reason) for row in bad] == [
        ("b.jsonl.gz", "damaged_file"),
        ("c.csv:2", "wrong_columns"),
    ]


def test_what_only_looks_faulty_is_read(tmp_path: Path):
    """A byte order mark, line ends of Windows, blank lines, an escaped null, special tokens in a text, a dotted folder."""
    special = {"role": "user", "content": "<|end|><|assistant|> \u0000"}
    content = b"\xef\xbb\xbf" + lines({"messages": [USER, ANSWER]}).replace(b"\n", b"\r\n") + b"\n\n"
    content += lines({"messages": [special, ANSWER]})
    source = source_at(tmp_path, ".hidden/chat.jsonl", content, {})
    assert [row["messages"][0] for row in read_conversations(source)] == [USER, special]
