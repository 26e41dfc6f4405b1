"""Rows of tables as JSON has them: dates become text, and what JSON cannot say is a bad row."""

from __future__ import annotations

import math
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

from pipeline.data.bad_rows import Item, bad

_PLAIN = (str, int, bool, type(None))


def json_row(row: dict[str, Any], place: str) -> Item:
    """A row with values as JSON has them; bytes are read as UTF-8."""
    for name, value in row.items():
        if type(value) in _PLAIN:
            continue
        try:
            row[name] = _json_value(value)
        except UnicodeDecodeError as error:
            said = f"{name}: not UTF-8 (byte {error.object[error.start]:#04x} at {error.start}); convert the data"
            return bad(place, "not_utf8", said, value)
        except ValueError as error:
            return bad(place, "not_finite", f"{name}: {error}; remove the row or correct it", row)
    return place, row


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no finite number")
    elif isinstance(value, bytes):
        return value.decode("utf-8")
    elif isinstance(value, date | time):
        return value.isoformat()
    elif isinstance(value, Decimal | timedelta):
        return str(value)
    elif isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value
