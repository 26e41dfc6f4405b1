"""Files at URLs: of a store through fsspec, and of an HTTP server that breaks off, is slow, or gives no ranges."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from pipeline.core import patience
from pipeline.core.errors import StageError
from pipeline.core.patience import Patience
from pipeline.core.references import DataReference, Resolved, accepts
from pipeline.core.resolve import Digests, Resolver
from pipeline.data.parts import parts_of
from tests.unit.data.test_formats import as_jsonl, as_parquet
from tests.unit.data.test_parts import read

TEXTS = [f"text {number} " * 60 for number in range(4_000)]
"""Some 2.6 MB."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", Patience(seconds=10.0, attempts=3, first_wait_s=0.01))


def resolve(url: str, **options: Any) -> Resolved:
    resolver = Resolver({}, Path("/"), Digests(None))
    found = resolver.resolve(DataReference(path=url, **options), accepts(schemes="url", builtins="data"))
    assert isinstance(found, Resolved)
    return found


def texts(source: Resolved, **options: Any) -> list[str]:
    documents, bad = read(parts_of(source, **options))
    assert not bad
    return [row["text"] for row in documents]


@pytest.fixture
def store() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    yield memory
    memory.rm("/rye", recursive=True)


def test_a_file_a_folder_and_a_pattern_of_a_store_are_read(store: Any):
    made = {"a.jsonl": as_jsonl(TEXTS), "b.jsonl.gz": gzip.compress(as_jsonl(["two"])), "deep/c.txt": b"three",
            "deep/README.md": b"four", ".hidden.txt": b"never"}  # fmt: skip
    for name, content in made.items():
        store.pipe(f"/rye/{name}", content)
    assert texts(resolve("memory://rye/a.jsonl")) == TEXTS
    assert texts(resolve("memory://rye")) == [*TEXTS, "two", "three"]
    assert texts(resolve("memory://rye/**/*.md")) == ["four"]
    documents, _ = read(parts_of(resolve("memory://rye/deep")))
    assert [row["id"] for row in documents] == ["memory:///rye/deep/README.md", "memory:///rye/deep/c.txt"]


def test_row_groups_of_a_store_are_parts(store: Any):
    store.pipe("/rye/a.parquet", as_parquet(TEXTS, row_group_size=1000))
    source = resolve("memory://rye/a.parquet")
    assert len(parts_of(source, largest=1)) == 4
    assert texts(source, largest=1) == texts(source) == TEXTS


def test_what_changes_in_a_store_has_another_fingerprint(store: Any):
    store.pipe("/rye/a.txt", b"one")
    first = resolve("memory://rye/a.txt").fingerprint
    assert resolve("memory://rye/a.txt").fingerprint == first
    store.pipe("/rye/a.txt", b"two")
    assert resolve("memory://rye/a.txt").fingerprint != first
    with pytest.raises(StageError, match=r"memory://rye/b\.txt: there is no such file; check the address"):
        resolve("memory://rye/b.txt")


class Server(ThreadingHTTPServer):
    """Serves one file, with the faults that it is told to have."""

    daemon_threads = True
    content = as_jsonl(TEXTS)
    marks: tuple[tuple[str, str], ...] = (("ETag", '"1"'),)
    ranges = True
    no_head = False
    breaks_after: int | None = None
    """Bytes after which an answer breaks off."""
    refusals: list[int] = []
    """Statuses of the next answers."""
    slow_s = 0.0
    asked = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        if self.server.no_head:
            self.send_error(405)
        else:
            self._head(0)

    def do_GET(self) -> None:
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1]) if self.server.ranges else 0
        if self._head(start):
            end = None if self.server.breaks_after is None else start + self.server.breaks_after
            self.wfile.write(self.server.content[start:end])

    def _head(self, start: int) -> bool:
        self.server.asked += 1
        time.sleep(self.server.slow_s)
        if self.server.refusals:
            self.send_error(self.server.refusals.pop(0))
            return False
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.server.content) - start))
        for name, value in self.server.marks:
            self.send_header(name, value)
        self.end_headers()
        return True


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made, running(made):
        yield made


@contextmanager
def running(made: Server) -> Iterator[None]:
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield
    made.shutdown()
    thread.join()


def url(server: Server, name: str = "a.jsonl") -> str:
    return f"http://127.0.0.1:{server.server_port}/data/{name}?download=1"


@pytest.mark.parametrize("ranges", [True, False])
def test_an_answer_that_breaks_off_is_gone_on_with(server: Server, ranges: bool):
    source = resolve(url(server))
    server.ranges, server.breaks_after = ranges, 1_500_000 if ranges else None
    server.refusals = [503]
    assert texts(source) == TEXTS
    assert server.asked >= (3 if ranges else 2)


def test_packed_files_and_row_groups_are_read_from_a_server(server: Server):
    server.content, server.no_head = gzip.compress(as_jsonl(TEXTS)), True
    assert texts(resolve(url(server, "a.jsonl.gz"))) == TEXTS
    server.content = as_parquet(TEXTS, row_group_size=1000)
    assert texts(resolve(url(server, "a.parquet")), largest=1) == TEXTS


def test_a_server_that_refuses_is_slow_or_silent_about_changes_is_one_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    server.refusals = [404]
    with pytest.raises(
        StageError, match=r"a\.jsonl\?download=1: the server answers 404 \(Not Found\); check the address$"
    ):
        resolve(url(server))
    server.refusals, server.asked = [500] * 9, 0
    with pytest.raises(StageError, match=r"the server answers 500 .*; try again later \(3 attempts\)$"):
        resolve(url(server))
    assert server.asked == 3
    server.refusals, server.marks = [], ()
    with pytest.raises(StageError, match=r"so a change would not be seen; download it$"):
        resolve(url(server))
    server.slow_s = 0.8
    monkeypatch.setattr(patience, "PATIENCE", Patience(seconds=0.3, attempts=3, first_wait_s=0.01))
    with pytest.raises(StageError, match=r"cannot be read \(.*(no answer|timed out).*\); .* \(3 attempts\)$"):
        resolve(url(server))


def test_a_file_that_changes_while_it_is_read_is_an_error(server: Server):
    source = resolve(url(server))
    server.breaks_after, server.marks = 1_500_000, (("ETag", '"2"'),)
    with pytest.raises(StageError, match="has changed while it was read; run again"):
        texts(source)


def test_a_server_that_is_not_there_is_one_error():
    with pytest.raises(StageError, match=r"cannot be read \(.*refused\); check the address, .* \(3 attempts\)$"):
        resolve("http://127.0.0.1:1/a.jsonl")
