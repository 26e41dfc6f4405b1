"""How much of conversations and of pairs is held out when the recipe does not say. Imports no torch."""

from __future__ import annotations

from pipeline.core.artifact import Artifact
from pipeline.core.references import Resolved
from pipeline.data.builtin import CATALOGUE

HELD_OUT_SHARE = 0.02
HELD_OUT_PAIRS = 0.1
"""Share of pairs; there are fewer of them, and each tells one bit."""


def has_test_split(source: Resolved | Artifact) -> bool:
    """Whether `source` is a builtin, not read from its `test` split, that has one."""
    if not isinstance(source, Resolved) or source.scheme != "builtin" or source.split == "test":
        return False
    return "test" in CATALOGUE["data", str(source.name)].splits


def rows_to_train_on(rows: int, source: Resolved | Artifact, validation: object, share: float = HELD_OUT_SHARE) -> int:
    """How many of `rows` rows are left when what `validation` says is held out: a fraction, other data, or None."""
    if validation is None and has_test_split(source):
        return rows
    if validation is None or isinstance(validation, float | int):
        return rows - round(rows * (share if validation is None else float(validation)))
    return rows
