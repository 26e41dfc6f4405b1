"""Files that are one document each: text, and web pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from pipeline.data.bad_rows import BadRow, Item, bad

LARGEST_TEXT = 2**28
"""Bytes of a text file or page, unpacked: it is one document, and lies in memory several times over."""
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset=["']?([A-Za-z0-9_-]+)""", re.IGNORECASE)


def read_text(file: BinaryIO, path: str) -> Iterator[Item]:
    """A text file as one document."""
    yield from _document(_content(file, path), "text", "utf-8-sig", path)


def read_page(file: BinaryIO, path: str) -> Iterator[Item]:
    """A web page, in the encoding that it names; UTF-8 when it names none."""
    content = _content(file, path)
    named = _CHARSET.search(content[:4096]) if isinstance(content, bytes) else None
    yield from _document(content, "html", named[1].decode("ascii") if named else "utf-8-sig", path)


def _document(content: bytes | BadRow, column: str, encoding: str, path: str) -> Iterator[Item]:
    if isinstance(content, BadRow):
        yield content
    elif content.strip():
        text = _decode(content, encoding, path)
        yield text if isinstance(text, BadRow) else (path, {column: text})


def _content(file: BinaryIO, path: str) -> bytes | BadRow:
    content = file.read(LARGEST_TEXT + 1)
    if len(content) <= LARGEST_TEXT:
        return content
    said = f"more than {LARGEST_TEXT:,} bytes are too many for one document; cut the file, or write JSON lines"
    return bad(path, "too_large", said, content[:1000])


def _decode(content: bytes, encoding: str, path: str) -> str | BadRow:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        shown = f"byte {content[error.start]:#04x} at {error.start}"
        said = f"not {encoding.removesuffix('-sig').upper()} ({shown}); convert the file"
    except UnicodeError as error:  # codecs that are no plain encodings: idna, punycode
        said = f"cannot be read as {encoding!r} ({error}); convert it to UTF-8"
    except LookupError:
        said = f"names an unknown encoding, {encoding!r}; convert it to UTF-8"
    return bad(path, "not_utf8", said, content)
