"""One file as rows: JSON lines (plain or gzip), a text file as one document, a web page as one page."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from pipeline.core.errors import DataError

LONGEST_LINE = 64 * 2**20
"""Bytes of a line: a row lies in memory whole, several times over while it is worked on."""
LARGEST_TEXT = 2**30
"""Bytes of a text file or page, which is one document."""
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset=["']?([A-Za-z0-9_-]+)""", re.IGNORECASE)


def read_file(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of one file, each with its place; a file without any is an error.

    Raises:
        DataError: for a file that is missing, of an unknown kind, damaged, empty, or not UTF-8.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    known = ending(path)
    if known is None or path.is_dir():
        raise DataError(f"{path}: cannot read this kind of file; give one that ends in {', '.join(READERS)}")
    empty = True
    for placed in READERS[known](path):
        empty = False
        yield placed
    if empty:
        raise DataError(f"{path}: the file is empty; remove it or put rows in it")


def ending(path: Path) -> str | None:
    """Which of the known endings the file has."""
    return next((known for known in READERS if path.name.lower().endswith(known)), None)


def _read_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rb") as file:
        try:
            for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), start=1):
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if len(line) > LONGEST_LINE:
                    raise DataError(
                        f"{path}:{number}: a line of more than {LONGEST_LINE:,} bytes; is a line break missing?"
                    )
                if line.strip():
                    yield f"{path}:{number}", _parse(line, f"{path}:{number}")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{path}: damaged gzip file ({error}); fetch it again") from None


def _parse(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = _DECODER.decode(line.decode("utf-8").strip())
    except UnicodeDecodeError as error:
        way = "this is gzip: name the file .jsonl.gz" if line.startswith(b"\x1f\x8b") else "convert the file"
        raise DataError(f"{place}: not UTF-8 (byte {line[error.start]:#04x} at {error.start}); {way}") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{place}: no JSON at column {error.colno} ({error.msg}); write one JSON object a line"
            + (", without [ and ] around all of them" if line.lstrip().startswith(b"[") else "")
        ) from None
    except RecursionError:
        raise DataError(f"{place}: brackets in brackets, too deep to be read; correct the row") from None
    except _NotFiniteError as error:
        raise DataError(f"{place}: {error} is no JSON number; write null or a finite number") from None
    except ValueError:  # Python's own limit of digits
        raise DataError(f"{place}: a number of more than 4,300 digits; correct the row") from None
    if not isinstance(row, dict):
        raise DataError(
            f'{place}: a {type(row).__name__} where a JSON object is wanted; write {{"text": …}} or the like'
        )
    return row


class _NotFiniteError(Exception):
    """NaN or infinity, which Python's reader takes and JSON does not have."""


def _refuse(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _read_text(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    content = _content(path)
    if content.strip():
        yield str(path), {"text": _decode(content, "utf-8-sig", path)}


def _read_page(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A web page, in the encoding that it names; UTF-8 when it names none."""
    content = _content(path)
    named = _CHARSET.search(content[:4096])
    if content.strip():
        yield (
            str(path),
            {"html": _decode(content, named[1].decode("ascii") if named else "utf-8-sig", path)},
        )


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_TEXT:
        size = path.stat().st_size
        raise DataError(f"{path}: {size:,} bytes are too many for one document; cut the file, or write JSON lines")
    return path.read_bytes()


def _decode(content: bytes, encoding: str, path: Path) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        shown = f"byte {content[error.start]:#04x} at {error.start}"
        name = encoding.removesuffix("-sig").upper()
        raise DataError(f"{path}: not {name} ({shown}); convert the file") from None
    except UnicodeError as error:  # codecs that are no plain encodings: idna, punycode
        raise DataError(f"{path}: cannot be read as {encoding!r} ({error}); convert it to UTF-8") from None
    except LookupError:
        raise DataError(f"{path}: names an unknown encoding, {encoding!r}; convert it to UTF-8") from None


READERS: dict[str, Callable[[Path], Iterator[tuple[str, dict[str, Any]]]]] = {
    ".jsonl": _read_lines,
    ".jsonl.gz": _read_lines,
    ".txt": _read_text,
    ".html": _read_page,
    ".htm": _read_page,
}
"""The reader of each kind of file, by its ending."""
