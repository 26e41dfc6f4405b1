"""CSV and TSV: a header that names the columns, then rows of text, in quotes where they hold what parts them.

The dialect is RFC 4180's: quotes are doubled within quotes, and a quoted cell may hold line ends. Every value is text.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from pipeline.data.bad_rows import Item, bad
from pipeline.data.json_lines import LONGEST_LINE, skip_line


class _Lines:
    """The lines of a file as text; remembers what is wrong with those that were read since the last row."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.fault: tuple[str, str] | None = None
        self._first = True

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        if len(line) > LONGEST_LINE:
            skip_line(self._file)
            self.fault = "too_long_line", f"a line of more than {LONGEST_LINE:,} bytes; is a line break missing?"
            return ""
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = f"byte {line[error.start]:#04x} at {error.start}"
            self.fault = "not_utf8", f"not UTF-8 ({byte}); convert the file"
            return line.decode("utf-8", "replace")


def read_csv(file: BinaryIO, path: str, delimiter: str = ",") -> Iterator[Item]:
    """The rows of a CSV file, each placed at the line it begins on."""
    csv.field_size_limit(LONGEST_LINE)
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    while True:
        lines.fault, place = None, f"{path}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            cells, lines.fault = [], lines.fault or ("not_csv", f"no CSV ({error}); correct the row")
        if cells is None:
            return
        fault = lines.fault or _fault(cells, header)
        if fault:
            yield bad(place, *fault, delimiter.join(cells[:20]))
            if header is None:
                return
        elif header is None:
            header = cells or None
        elif cells:
            yield place, dict(zip(header, cells, strict=True))


read_tsv = partial(read_csv, delimiter="\t")


def _fault(cells: list[str], header: list[str] | None) -> tuple[str, str] | None:
    """What is wrong with the cells of a row, or of the header when there is none yet."""
    if header is None:
        twice = next((name for name in cells if cells.count(name) > 1), None)
        return None if twice is None else ("wrong_columns", f"two columns are named {twice!r}; rename one")
    if cells and len(cells) != len(header):
        return "wrong_columns", f"{len(cells)} cells in a row of {len(header)} columns; correct the row or its quotes"
    return None
