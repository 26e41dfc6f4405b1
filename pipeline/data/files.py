"""One file as rows, by its ending: JSON lines, a text file as one document, a web page as one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.data.bad_rows import Item, bad
from pipeline.data.json_lines import read_lines
from pipeline.data.pages import read_page, read_text
from pipeline.data.streams import DAMAGE, open_bytes, packing, said_of

READERS: dict[str, Callable[..., Iterator[Item]]] = {
    ".jsonl": read_lines,
    ".jsonl.gz": read_lines,
    ".txt": read_text,
    ".html": read_page,
    ".htm": read_page,
}
"""The reader of each kind of file, by its ending."""


def ending(path: Path) -> str | None:
    """Which of the known endings the file has."""
    return next((known for known in READERS if path.name.lower().endswith(known)), None)


def require_readable(path: Path) -> None:
    """Refuse a file that is missing or of an unknown kind."""
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if ending(path) is None or path.is_dir():
        raise DataError(f"{path}: cannot read this kind of file; give one that ends in {', '.join(READERS)}")


def read_file(path: Path) -> Iterator[Item]:
    """The rows of one file; one without any is a bad row itself."""
    reader = READERS[ending(path) or ""]
    empty = True
    try:
        with open_bytes(path) as file:
            for item in reader(file, str(path)):
                empty = False
                yield item
    except DAMAGE as error:
        empty = False
        yield bad(str(path), "damaged_file", said_of(error).replace("damaged", f"damaged {_kind(path)} file", 1))
    if empty:
        yield bad(str(path), "empty_file", "the file is empty; remove it or put rows in it")


def read_stretch(path: Path, start: int, stop: int, first: int) -> Iterator[Item]:
    """The rows of a plain .jsonl from byte `start` to `stop`, which begin and end lines; the first is line `first`."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            yield from read_lines(file, str(path), first, stop - start)
    except DAMAGE as error:
        yield bad(str(path), "damaged_file", said_of(error))


def _kind(path: Path) -> str:
    return {".gz": "gzip"}.get(packing(path.name), "")
