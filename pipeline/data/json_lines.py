"""JSON lines: one object a line.

orjson reads them. What it refuses, and numbers that it would round, go to the standard library's reader, which says
where the fault is, and takes integers of any size and halves of surrogate pairs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, NoReturn

import orjson

from pipeline.data.bad_rows import BadRow, Item, bad

LONGEST_LINE = 64 * 2**20
"""Bytes of a line: a row lies in memory whole, several times over while it is worked on."""
_CHUNK = 2**20
_2_63, _2_64 = 2.0**63, 2.0**64


def read_lines(file: BinaryIO, path: str, first: int = 1, length: int | None = None) -> Iterator[Item]:
    """The rows of the lines from where `file` stands, for `length` bytes or to its end; the first is line `first`."""
    read, place = 0, f"{path}:"
    for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), start=first):
        read += len(line)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) > LONGEST_LINE:
            said = f"a line of more than {LONGEST_LINE:,} bytes; is a line break missing?"
            yield bad(f"{place}{number}", "too_long_line", said, line)
            read += skip_line(file) if not line.endswith(b"\n") else 0
        elif line and not line.isspace():
            yield parse_line(line, f"{place}{number}")
        if length is not None and read >= length:
            return


def read_stretch(file: BinaryIO, path: str, start: int, stop: int, first: int) -> Iterator[Item]:
    """The rows from byte `start` to `stop`, which begin and end lines; the first of them is line `first`."""
    file.seek(start)
    return read_lines(file, path, first, stop - start)


def skip_line(file: BinaryIO) -> int:
    """The bytes up to the next line's beginning, which are read a piece at a time and forgotten."""
    skipped = 0
    while piece := file.readline(_CHUNK):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def cut_lines(file: BinaryIO, size: int, largest: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of about `largest` bytes that begin and end at line ends: first byte, end, number of the first line."""
    start, line = 0, 1
    while start < size:
        stop = _line_end(file, start + largest - 1, size)
        yield start, stop, line
        line += _count_lines(file, start, stop)
        start = stop


def _line_end(file: BinaryIO, position: int, size: int) -> int:
    """Where the line ends that byte `position` belongs to."""
    file.seek(position)
    while chunk := file.read(_CHUNK):
        found = chunk.find(b"\n")
        if found >= 0:
            return position + found + 1
        position += len(chunk)
    return size


def _count_lines(file: BinaryIO, start: int, stop: int) -> int:
    file.seek(start)
    lines = 0
    while start < stop and (chunk := file.read(min(_CHUNK, stop - start))):
        lines += chunk.count(b"\n")
        start += len(chunk)
    return lines


def parse_line(line: bytes, place: str) -> Item:
    """The JSON object that a line holds."""
    try:
        row = orjson.loads(line)
        exact = type(row) is dict and _exact(row.values())
    except (orjson.JSONDecodeError, RecursionError):
        exact = False
    return (place, row) if exact else _parse_slowly(line, place)


def _exact(values: Iterable[Any]) -> bool:
    """Whether no number among them may be a larger integer, rounded: orjson makes floats of those."""
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is float and not -_2_63 < value < _2_64:
            return False
        if (kind is dict and not _exact(value.values())) or (kind is list and not _exact(value)):
            return False
    return True


def _parse_slowly(line: bytes, place: str) -> Item:
    fault = partial(bad, place, shown=line)
    try:
        row = _DECODER.decode(line.decode("utf-8").strip())
    except UnicodeDecodeError as error:
        way = "this is gzip: name the file .jsonl.gz" if line.startswith(b"\x1f\x8b") else "convert the file"
        return fault("not_utf8", f"not UTF-8 (byte {line[error.start]:#04x} at {error.start}); {way}")
    except json.JSONDecodeError as error:
        without = ", without [ and ] around all of them" if line.lstrip().startswith(b"[") else ""
        said = f"no JSON at column {error.colno} ({error.msg}); write one JSON object a line{without}"
        return fault("not_json", said)
    except RecursionError:
        return fault("not_json", "brackets in brackets, too deep to be read; correct the row")
    except _NotFiniteError as error:
        return fault("not_finite", f"{error} is no JSON number; write null or a finite number")
    except ValueError:  # Python's own limit of digits
        return fault("not_json", "a number of more than 4,300 digits; correct the row")
    return (place, row) if isinstance(row, dict) else _no_object(row, fault)


def _no_object(row: Any, fault: Any) -> BadRow:
    said = f'a {type(row).__name__} where a JSON object is wanted; write {{"text": …}} or the like'
    return fault("not_json", said)


class _NotFiniteError(Exception):
    """NaN or infinity, which Python's reader takes and JSON does not have."""


def _refuse(text: str) -> NoReturn:
    raise _NotFiniteError(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)
