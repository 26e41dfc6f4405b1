"""What may leave this machine, and what identifies it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.core.errors import StageError
from pipeline.hub.contents import BLOCK, demand_harmless, digests_of

TOKEN = "hf_" + "x" * 34
ALICE = Path("/home/alice")


@pytest.mark.parametrize(
    "name", ["training_args.bin", "optimizer.pt", "scores.pkl", "notes.exe", ".env", ".git/config.json"]
)
def test_what_runs_code_or_is_hidden_is_refused_by_name(name):
    with pytest.raises(StageError, match="pickle"):
        demand_harmless({"config.json": b"{}", name: b""}, None, ALICE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", b'{"token": "own"}'),
        ("train.jsonl", b'{"text": "own"}'),
        ("README.md", TOKEN.encode()),
        ("a/b.py", b"-----BEGIN RSA PRIVATE KEY-----"),
    ],
)
def test_a_token_or_a_key_is_refused(name, content):
    with pytest.raises(StageError, match=f"{name}: not pushed: it holds an access token"):
        demand_harmless({name: content}, "own", ALICE)


def test_a_token_across_two_blocks_is_found(tmp_path):
    text = tmp_path / "text.md"
    text.write_bytes(b" " * (BLOCK - 10) + TOKEN.encode())
    with pytest.raises(StageError, match="access token"):
        demand_harmless({"text.md": text}, None, ALICE)


def test_rows_may_show_the_token_of_nobody():
    demand_harmless({"train.jsonl": TOKEN.encode()}, None, ALICE)


def test_a_path_of_this_machine_is_refused():
    with pytest.raises(StageError, match="a path of this machine"):
        demand_harmless({"train.jsonl": b'{"source": "/home/alice/text/a.txt"}'}, None, ALICE)


def test_ordinary_files_pass():
    demand_harmless({"model.safetensors": TOKEN.encode(), "gristmill/manifest.json": b"{}", "f/a.png": b""}, "t", ALICE)


def test_digests_are_those_of_git_and_of_large_storage(tmp_path):
    file = tmp_path / "hello"
    file.write_bytes(b"hello\n")
    (digests,) = digests_of({"hello": file}).values()
    assert digests.git == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert digests.sha256 == hashlib.sha256(b"hello\n").hexdigest()
    assert digests_of({"hello": b"hello\n"})["hello"] == digests
