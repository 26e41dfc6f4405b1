"""One file as rows, by its ending. Every kind but Parquet may be packed as .gz, .zst, .bz2 or .xz."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from pipeline.core.errors import DataError
from pipeline.core.remote import RemoteFile
from pipeline.data.bad_rows import Item, bad
from pipeline.data.code import LANGUAGES, read_code
from pipeline.data.csv_rows import read_csv, read_tsv
from pipeline.data.json_lines import read_lines
from pipeline.data.pages import read_page, read_text
from pipeline.data.parquet_rows import read_parquet
from pipeline.data.streams import DAMAGE, PACKINGS, damage, open_bytes, packing
from pipeline.data.warc import read_warc

Reader = Callable[[BinaryIO, str], Iterator[Item]]

ROWS: dict[str, Reader] = {
    ".jsonl": read_lines,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".parquet": read_parquet,
    ".warc": read_warc,
}
"""Readers of files that hold many rows, by ending."""
TEXTS: dict[str, Reader] = {".txt": read_text, ".html": read_page, ".htm": read_page}
"""Readers of files that are one document."""
BESIDE: dict[str, Reader] = {".md": read_text, ".markdown": read_text, **dict.fromkeys(LANGUAGES, read_code)}
"""Readers of documents that in a folder of rows are none: there they describe the rows, or load them."""
READERS = ROWS | TEXTS | BESIDE
KINDS = f"{', '.join([*ROWS, *TEXTS])}, .md or a source file's, plain or with {', '.join(PACKINGS)}"
"""The endings that are read, in words."""


def ending(path: Path | RemoteFile) -> str | None:
    """Which of the known endings the file has, without that of its packing."""
    known = Path(path.name.lower().removesuffix(packing(path.name))).suffix
    return known if known in READERS and not (known == ".parquet" and packing(path.name)) else None


def require_readable(path: Path | RemoteFile) -> None:
    """Refuse a file that is missing or of an unknown kind, or whose reader is not installed."""
    if isinstance(path, Path) and not path.exists():
        raise DataError(f"{path}: no such file")
    if ending(path) is None or (isinstance(path, Path) and path.is_dir()):
        raise DataError(f"{path}: cannot read this kind of file; give one that ends in {KINDS}")
    if ending(path) == ".warc" and find_spec("fastwarc") is None:
        raise DataError(f"{path}: WARC files are read by fastwarc; `pip install 'gristmill[web]'` brings it")


def read_file(path: Path | RemoteFile, inside: str = "", reader: Reader | None = None) -> Iterator[Item]:
    """The rows of one file; a file without any is a bad row itself.

    Code gets its `path`, `inside` the folder that is read. A `reader` of a part of the file may find no row in it.
    """
    kind = ending(path) or ""
    columns = {"path": inside or path.name, "language": LANGUAGES[kind]} if kind in LANGUAGES else None
    empty = reader is None
    try:
        with open_bytes(path) as file:
            for item in (reader or READERS[kind])(file, str(path)):
                empty = False
                if columns and isinstance(item, tuple):
                    item[1].update(columns)
                yield item
    except DAMAGE as error:
        empty = False
        yield bad(str(path), "damaged_file", damage(error, path.name))
    if empty:
        yield bad(str(path), "empty_file", "the file is empty; remove it or put rows in it")
