"""Faulty data is answered by one line that names file, line and column, and the way on."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data import json_lines
from pipeline.data.reading import read_conversations, read_documents, read_pairs, read_prompts
from pipeline.stages.tokenizer.texts import texts
from tests.contracts.bad_input.data import ANSWER, TABLES, USER, lines
from tests.contracts.bad_input.fault import Fault, assert_answered, names

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


def test_a_line_without_end_is_refused_within_bounded_memory(tmp_path: Path):
    """200 MB in one line: no more of it is read than a line may have."""
    with open(tmp_path / "a.jsonl", "wb") as file:
        file.write(b'{"text": "short"}\n{"text": "')
        for _ in range(200):
            file.write(b"x" * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError, match=r"a\.jsonl:2: a line of more than 67,108,864 bytes; is a line break missing\?"):
        list(read_documents(source_at(tmp_path, "a.jsonl", None, {})))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 3 * json_lines.LONGEST_LINE


def test_a_text_file_larger_than_a_document_is_refused_within_bounded_memory(tmp_path: Path):
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=r"a\.txt: more than 268,435,456 bytes are too many for one document"):
        list(read_documents(source_at(tmp_path, "a.txt", None, {})))


def test_what_only_looks_faulty_is_read(tmp_path: Path):
    """A byte order mark, line ends of Windows, blank lines, an escaped null, special tokens in a text, a dotted folder."""
    special = {"role": "user", "content": "<|end|><|assistant|> \u0000"}
    content = b"\xef\xbb\xbf" + lines({"messages": [USER, ANSWER]}).replace(b"\n", b"\r\n") + b"\n\n"
    content += lines({"messages": [special, ANSWER]})
    source = source_at(tmp_path, ".hidden/chat.jsonl", content, {})
    assert [row["messages"][0] for row in read_conversations(source)] == [USER, special]
