"""URLs in recipes: files of object stores (`s3://`, `gs://`, …) through fsspec, and of HTTP servers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

URL = re.compile(r"([a-z][a-z0-9+.-]*)://\S+")


@dataclass(frozen=True)
class RemoteFile:
    """A file at a URL, as it was when it was looked at."""

    url: str
    inside: str
    """Its path below the address that the recipe names; its own name where the address is the file's."""
    size: int
    """Bytes; 0 where the server does not say."""
    mark: str
    """Its digest, version or time of change, as the store says."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.inside).name

    def __str__(self) -> str:
        return self.url


def is_http(url: str) -> bool:
    """Whether an HTTP server is asked, and not a store through fsspec."""
    return url.startswith(("http://", "https://"))


def protocol_fault(url: str) -> str:
    """Why no such URL can be read here; empty if it can."""
    import fsspec

    if is_http(url):
        return ""
    protocol = url.partition("://")[0]
    try:
        fsspec.get_filesystem_class(protocol)
    except ValueError:
        return f"{protocol}:// is not known to fsspec, which reads URLs; write s3://, gs://, https:// or the like"
    except ImportError as error:
        return f"{protocol}:// needs a package that is not installed ({' '.join(str(error).split())})"
    return ""
