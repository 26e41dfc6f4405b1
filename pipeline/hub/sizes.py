"""The Hub's names for numbers of rows."""

from __future__ import annotations

_LIMITS = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
           (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))  # fmt: skip


def size_category(rows: int) -> str:
    """The name of so many rows, for `size_categories` of a card."""
    return next((name for limit, name in _LIMITS if rows < limit), "n>1B")
