"""Rows of every kind of source, and the places of those that will not do."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.artifacts import Corpus, Preferences
from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.parts import parts_of
from pipeline.data.reading import read_conversations, read_documents, read_pairs, read_part, read_prompts, splits

USER, ANSWER, OTHER = (
    {"role": "user", "content": "question"},
    {"role": "assistant", "content": "answer"},
    {"role": "assistant", "content": "other"},
)


def at(path: Path, **options: Any) -> Resolved:
    return Resolved(address=f"./{path.name}", scheme="path", fingerprint="", path=path, **options)


def write(path: Path, *rows: Any) -> Resolved:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return at(path)


def test_documents_keep_their_columns_and_get_an_id_from_their_place(tmp_path):
    source = write(tmp_path / "a.jsonl", {"text": "one", "surprisal": 1.5}, "", {"text": "two", "id": 7, "source": "x"})
    assert list(read_documents(source)) == [
        {"text": "one", "id": "./a.jsonl:1", "source": "./a.jsonl", "surprisal": 1.5},
        {"text": "two", "id": "7", "source": "x"},
    ]


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n')
    (tmp_path / "deep/c.html").write_text("<p>three</p>")
    (tmp_path / ".hidden.txt").write_text("never")
    with gzip.open(tmp_path / "d.jsonl.gz", "wt") as file:
        file.write('{"text": "four"}\n')
    rows = list(read_documents(at(tmp_path)))
    assert [row.get("text") or row["html"] for row in rows] == ["one", "two", "four", "<p>three</p>"]


def test_limit_columns_and_split_are_honoured(tmp_path):
    write(tmp_path / "train.jsonl", *({"body": str(n), "text": "wrong"} for n in range(5)))
    write(tmp_path / "validation-00000.jsonl", {"body": "held", "text": "wrong"})
    columns = {"text": "body"}
    assert [row["text"] for row in read_documents(at(tmp_path, columns=columns), limit=2)] == ["0", "1"]
    assert [row["text"] for row in read_documents(at(tmp_path, columns=columns, split="validation"))] == ["held"]
    assert splits(at(tmp_path)) == ["train", "validation"]


def test_a_corpus_is_read_by_split_without_what_it_dropped(tmp_path):
    (tmp_path / "dropped").mkdir()
    write(tmp_path / "train-00000.jsonl", {"text": "kept"})
    write(tmp_path / "validation-00000.jsonl", {"text": "held"})
    write(tmp_path / "dropped/too_short.jsonl", {"text": "gone"})
    assert [row["text"] for row in read_documents(Corpus(tmp_path))] == ["kept"]
    assert [row["text"] for row in read_documents(Corpus(tmp_path), split="validation")] == ["held"]


def test_a_builtin_is_read_by_its_default_split(tmp_path):
    source = Resolved(address="builtin:valley", scheme="builtin", fingerprint="", name="valley")
    rows = list(read_documents(source, limit=3))
    assert len(rows) == 3
    assert all(row["source"] == "builtin:valley" for row in rows)
    with pytest.raises(DataError, match="no split 'nope'; it has train"):
        list(read_documents(source, split="nope"))


def test_a_page_is_read_in_the_encoding_it_names(tmp_path):
    (tmp_path / "a.html").write_bytes('<meta charset="iso-8859-1"><p>café</p>'.encode("latin-1"))
    assert "café" in next(read_documents(at(tmp_path / "a.html")))["html"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, ANSWER]},
        {"prompt": "question", "completion": "answer"},
        {"prompt": [USER], "completion": [ANSWER]},
    ],
)
def test_conversations_come_in_three_forms(tmp_path, row):
    rows = read_conversations(write(tmp_path / "a.jsonl", row | {"topic": "wood"}))
    assert rows == [{"messages": [USER, ANSWER], "topic": "wood"}]


@pytest.mark.parametrize("row", [{"prompt": "question"}, {"prompt": [USER]}, {"messages": [USER, ANSWER]}])
def test_prompts_come_in_three_forms(tmp_path, row):
    assert read_prompts(write(tmp_path / "a.jsonl", row)) == [{"prompt": [USER]}]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "question", "chosen": "answer", "rejected": "other"},
        {"prompt": [USER], "chosen": [ANSWER], "rejected": [OTHER]},
        {"chosen": [USER, ANSWER], "rejected": [USER, OTHER]},
    ],
)
def test_pairs_come_in_three_forms(tmp_path, row):
    write(tmp_path / "train.jsonl", row)
    assert read_pairs(Preferences(tmp_path), "train") == [{"prompt": [USER], "chosen": [ANSWER], "rejected": [OTHER]}]


FAULTS = [
    (read_documents, '{"text": "a"', ":1: no JSON at column 13"),
    (read_documents, '["a"]', ":1: a list where a JSON object is wanted"),
    (read_documents, '{"text": NaN}', ":1: NaN is no JSON number"),
    (read_documents, '{"text": "a", "x": 1e999}', ":1: 1e999 is no JSON number"),
    (read_documents, {"body": "a"}, ":1: no column 'text' or 'html'; the row has body"),
    (read_documents, {"text": 5}, ":1: text: 5 where text is wanted"),
    (read_documents, {"text": "a", "html": "b"}, ":1: both 'text' and 'html'"),
    (read_conversations, {"messages": []}, ":1: messages: no message in it"),
    (read_conversations, {"messages": "hi"}, ":1: messages: 'hi' where a list of messages is wanted"),
    (read_conversations, {"messages": [USER]}, ":1: messages: no assistant turn"),
    (read_conversations, {"messages": [USER, {"role": "bot", "content": "x"}]},
     ":1: messages[1].role: 'bot' is not one of system, user, assistant, tool"),
    (read_conversations, {"messages": [{"role": "user"}]}, ":1: messages[0]: no 'content'; the message has role"),
    (read_conversations, {"messages": [USER, {"role": "assistant", "content": " "}]}, ":1: messages[1].content: is empty"),
    (read_conversations, {"messages": [{"role": "user", "content": 3}]}, ":1: messages[0].content: 3 where text is wanted"),
    (read_conversations, {"messages": [{"role": "user", "content": "\ud800"}]}, ":1: messages[0].content: half of a surr"),
    (read_conversations, {"prompt": "q"}, ":1: no column 'completion'; the row has prompt"),
    (read_prompts, {"prompt": [USER, ANSWER]}, ":1: prompt: ends with the assistant's turn"),
    (read_prompts, {"prompt": ""}, ":1: prompt: is empty"),
    (read_pairs, {"prompt": "q", "chosen": "a", "rejected": "a"}, ":1: chosen and rejected are the same text"),
    (read_pairs, {"chosen": "a", "rejected": "b"}, ":1: no column 'prompt'"),
    (read_pairs, {"prompt": "q", "chosen": "a"}, ":1: no column 'rejected'"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "row", "message"), FAULTS)
def test_a_bad_row_is_named_by_its_place(tmp_path, read, row, message):
    source = write(tmp_path / "chat.jsonl", row)
    with pytest.raises(DataError) as error:
        list(read(source))
    assert str(error.value).startswith(f"{tmp_path}/chat.jsonl{message}")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "the file is empty"),
        ("a.jsonl", b'{"text": "\xff"}\n', ":1: not UTF-8 (byte 0xff at 10)"),
        ("a.txt", b"  \n", "the file is empty"),
        ("a.txt", b"caf\xe9", "not UTF-8 (byte 0xe9 at 3)"),
        ("a.html", b'<meta charset="nonsense"><p>x', "names an unknown encoding, 'nonsense'"),
        ("a.jsonl.gz", b"not gzip", "damaged gzip file"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "a"}\n' * 1000, mtime=0)[:-12], "damaged gzip file"),
        ("a.pdf", b"%PDF", "cannot read this kind of file"),
    ],
)
def test_a_bad_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        list(read_documents(at(tmp_path / name)))
    assert message in str(error.value)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_file_column_split_or_data_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        list(read_documents(at(tmp_path / "nope.jsonl")))
    with pytest.raises(DataError, match=r"a.jsonl:1: no column 'body' \(wanted as 'text'\); the row has text"):
        list(read_documents(at(write(tmp_path / "a.jsonl", {"text": "a"}).path or tmp_path, columns={"text": "body"})))
    with pytest.raises(DataError, match="no file of the split 'validation'"):
        list(read_documents(at(tmp_path), split="validation"))
    with pytest.raises(DataError, match="a single file has no split 'validation'"):
        list(read_documents(at(tmp_path / "a.jsonl", split="validation")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no file here ends in .jsonl"):
        list(read_documents(at(tmp_path / "empty")))


def test_rows_of_the_hub_are_streamed_by_load_dataset(tmp_path, monkeypatch):
    """A folder stands for the repository: the same call, without the network."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set").mkdir()
    write(tmp_path / "set/train-00000-of-00002.jsonl", {"text": "one"}, {"text": "two", "topic": "rye"})
    write(tmp_path / "set/train-00001-of-00002.jsonl", {"text": "three"})
    source = Resolved(address="hf://datasets/a/b", scheme="hf", fingerprint="", name=str(tmp_path / "set"))
    rows = list(read_documents(source))
    assert [row["text"] for row in rows] == ["one", "two", "three"]
    assert [row["id"] for row in rows] == [
        f"hf://datasets/{source.name}[train]:shard {shard} row {number}" for shard, number in ((1, 1), (1, 2), (2, 1))
    ]
    parts = parts_of(source)
    assert len(parts) == 2
    assert [row for part in parts for row in read_part(part)] == rows
    assert [row["text"] for row in read_documents(source, limit=1)] == ["one"]
    assert not list((tmp_path / "cache").rglob("*.arrow"))
    with pytest.raises(
        DataError, match=r"^hf://datasets/.*/none: cannot be read \(.*\); check the name and the network"
    ):
        splits(replace(source, name=str(tmp_path / "none")))
    with pytest.raises(DataError, match=r"^hf://datasets/.*\[nope\]: cannot be read \(.*train.*\); check the name"):
        list(read_documents(source, split="nope"))
    with pytest.raises(DataError, match=r"no column 'body' \(wanted as 'text'\); .* has text"):
        list(read_documents(replace(source, columns={"text": "body"})))


@pytest.mark.parametrize(
    ("split", "rows"),
    [("train", range(12)), ("train[2:5]", range(2, 5)), ("train[:3]", range(3)), ("train[10:]", range(10, 12)),
     ("train[-2:]", range(10, 12)), ("train[50%:]", range(6, 12))],
)  # fmt: skip
def test_rows_of_a_split_on_the_hub_are_those_that_are_asked_for(tmp_path, monkeypatch, split, rows):
    import datasets

    (tmp_path / "hub").mkdir()
    for shard in range(3):
        write(tmp_path / f"hub/train-{shard}.jsonl", *({"text": str(4 * shard + row)} for row in range(4)))
    load = datasets.load_dataset

    def local(name: str, subset: None, revision: None, **options: Any) -> Any:
        return load(str(tmp_path / "hub"), cache_dir=str(tmp_path / "cache"), **options)

    monkeypatch.setattr(datasets, "load_dataset", local)
    source = Resolved(address="hf://datasets/a/b", scheme="hf", fingerprint="", name="datasets/a/b", split=split)
    assert [row["text"] for row in read_documents(source)] == [str(row) for row in rows]
