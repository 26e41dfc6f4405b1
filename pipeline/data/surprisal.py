"""The columns by which a generated document states its exact surprisal, and for which bytes the statement holds."""

from __future__ import annotations

import hashlib

SURPRISAL = "surprisal"
"""-log probability of the document in nats, its end included; null where it is not known."""

TEXT_DIGEST = "text_digest"
"""`text_digest` of the text that the surprisal is about; needed where the row does not hold it, as in pages."""


def text_digest(text: str) -> str:
    """The sha256 of the text's UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
