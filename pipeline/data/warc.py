"""Web archives (WARC, ISO 28500), through fastwarc: the web pages that were fetched with status 200.

A page's id is the address it was fetched from; `url` says it too, and `date` when. Other records are passed over.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from pipeline.data.bad_rows import BadRow, Item, bad
from pipeline.data.pages import LARGEST_TEXT

_PAGES = ("text/html", "application/xhtml+xml")
_PLAIN = ("", "identity", "utf-8")


class _Stream:
    """An unpacked stream that says where it is, which fastwarc asks every stream."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size)
        self._at += len(content)
        return content

    def tell(self) -> int:
        return self._at


def read_warc(file: BinaryIO, path: str) -> Iterator[Item]:
    """The web pages of an archive, each placed by its number among the responses."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    stream: Any = _Stream(file)
    records = ArchiveIterator(stream, WarcRecordType.response, parse_http=False, stream_detect=False)
    for number, record in enumerate(records, start=1):
        item = _page(record, f"{path}:record {number}")
        if item is not None:
            yield item


def _page(record: Any, place: str) -> Item | None:
    """The page that a response holds; None where it is another thing than a page."""
    if not (record.headers.get("Content-Type") or "").startswith("application/http"):
        return None
    size = record.content_length
    if size > LARGEST_TEXT:
        return bad(place, "too_large", f"{size:,} bytes are too many for one document")
    message = record.reader.read(size)
    if len(message) < size or not size:
        return bad(place, "damaged_file", "the record is cut short; fetch the file again", message)
    record.set_bytes_content(message)
    record.parse_http(auto_decode="transfer")
    headers = record.http_headers
    if headers is None:
        return bad(place, "no_http", "a response without HTTP headers", message)
    status = (headers.status_line or "").split()
    if status[1:2] != ["200"] or record.http_content_type not in _PAGES:
        return None
    body = _unpacked(record.reader.read(), (headers.get("Content-Encoding") or "").strip().lower(), place)
    if isinstance(body, BadRow):
        return body
    url = record.headers.get("WARC-Target-URI")
    row = {"html": _decoded(body, record.http_charset), "id": url or record.record_id, "url": url}
    return place, row | {"date": record.headers.get("WARC-Date")}


def _unpacked(body: bytes, encoding: str, place: str) -> bytes | BadRow:
    """The page's bytes as they were before the server packed them."""
    if encoding in _PLAIN:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return bad(place, "unknown_encoding", f"packed as {encoding!r}, which is not read here", body)
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # a header of gzip's or of zlib's
    try:
        text = unpacker.decompress(body, LARGEST_TEXT)
    except zlib.error as error:
        return bad(place, "damaged_row", f"damaged {encoding} ({error})", body)
    if unpacker.unconsumed_tail:
        return bad(place, "too_large", f"unpacks to more than {LARGEST_TEXT:,} bytes, too many for one document")
    return text


def _decoded(body: bytes, charset: str | None) -> str:
    """The page as text, as browsers decode it: by what the server or the page names, else by what it looks like."""
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5

    named = map_encoding_to_html5(charset) if charset else detect_encoding(body, from_html_meta=True)
    return bytes_to_str(body, named or "utf-8", errors="replace")
