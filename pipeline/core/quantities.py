"""Counts as people write them: `700k`, `3M`, `2B`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SCALE = {"": 1, "k": 10**3, "M": 10**6, "B": 10**9}
_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kMB]?)")
COUNT_PATTERN = rf"^\s*{_COUNT.pattern}\s*$"
"""What text stands for a count, for the JSON Schema of recipes."""


def parse_count(value: Any) -> Any:
    """An integer from `1200`, `700k`, `1.5M` or `2B`; anything else is left for the validator to refuse.

    Raises:
        ValueError: for text that is not a count, or not a whole one.
    """
    if not isinstance(value, str):
        return value
    match = _COUNT.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"{value!r} is not a count; write a whole number, or 700k, 3M, 2B")
    count = Decimal(match[1]) * _SCALE[match[2]]
    if count != int(count):
        raise ValueError(f"{value!r} is not a whole number")
    return int(count)


def format_count(count: float) -> str:
    """A count as people write it, three digits: 691k, 2.1M."""
    for suffix, scale in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= 0.9995 * scale:
            return f"{count / scale:.3g}{suffix}"
    return f"{count:.3g}"


def format_bytes(count: float) -> str:
    """A size as people write it, three digits: 37.7 MB, 2 GB."""
    number = format_count(count)
    digits, scale = number.rstrip("kMB"), number.lstrip("0123456789.e+")
    return f"{digits} {scale.replace('B', 'G')}B"


Count = Annotated[int, BeforeValidator(parse_count), Field(ge=1, le=10**15)]
"""A positive whole number, in a recipe also `700k`, `3M` or `2B`."""
