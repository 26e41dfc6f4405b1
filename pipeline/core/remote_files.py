"""What lies at a URL: which files, and what tells one state of them from another."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from pipeline.core import patience
from pipeline.core.errors import StageError
from pipeline.core.patience import http_mark, request
from pipeline.core.remote import RemoteFile, is_http

_MARKS = ("ETag", "etag", "md5Hash", "md5", "crc32c", "checksum", "content_md5", "sha256", "VersionId")
"""What stores call the digest or the version of an object."""
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")


def remote_files(url: str) -> tuple[RemoteFile, ...]:
    """The file at `url`, those below it, or those that it is a pattern of, in the order of their paths.

    Raises:
        StageError: when there is none, when it cannot be asked, and for a file of which no change could be seen.
    """
    files = patience.PATIENCE.of(lambda: list(_http_file(url) if is_http(url) else _stored_files(url)), url)
    if not files:
        raise StageError(f"{url}: there is no such file; check the address")
    for file in files:
        if not file.mark:
            raise StageError(
                f"{file.url}: neither a digest nor a time of change is known of it, so a change would not be seen; "
                "download it"
            )
    return tuple(sorted(files, key=lambda file: file.inside.split("/")))


def remote_digest(files: tuple[RemoteFile, ...]) -> str:
    """What identifies the content of files: their names, sizes and marks."""
    lines = [f"{file.inside} {file.size} {file.mark}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _http_file(url: str) -> Iterator[RemoteFile]:
    with _headers(url) as answer:
        name = unquote(PurePosixPath(urlsplit(url).path).name)
        yield RemoteFile(url, name, int(answer.headers.get("Content-Length") or 0), http_mark(answer.headers))


def _headers(url: str) -> Any:
    """An answer whose body nobody reads. Where a link is signed for reading alone, only GET is answered."""
    try:
        return request(url, "HEAD")
    except HTTPError as error:
        if error.code not in (403, 405, 501):
            raise
        return request(url, "GET")


def _stored_files(url: str) -> Iterator[RemoteFile]:
    from fsspec.core import url_to_fs

    store, path = url_to_fs(url, use_listings_cache=False)
    if re.search(r"[*?\[]", path):
        found, root = store.glob(path, detail=True), re.split(r"[*?\[]", path)[0].rpartition("/")[0]
    elif store.isdir(path):
        found, root = store.find(path, detail=True), path
    else:
        found, root = {path: store.info(path)}, path.rpartition("/")[0]
    for name, facts in found.items():
        if facts["type"] == "file":
            inside = name.removeprefix(root).lstrip("/")
            yield RemoteFile(store.unstrip_protocol(name), inside, int(facts.get("size") or 0), _mark(facts))


def _mark(facts: dict[str, Any]) -> str:
    return next((f"{key} {facts[key]}" for key in (*_MARKS, *_TIMES) if facts.get(key)), "")
