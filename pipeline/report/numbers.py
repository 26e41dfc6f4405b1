"""Numbers as the report writes them: four digits, thousands apart, a real minus, errors that set the digits."""

from __future__ import annotations

import math
import re
import time
from typing import Any

_MINUS = "\N{MINUS SIGN}"


def number(value: Any) -> str:
    """A figure: `20,439`, `0.4611`, `−0.0251`, `8.6e−6`; text stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", _MINUS)
    if not math.isfinite(value):
        return str(value)
    if abs(value) < 1e-3 or abs(value) >= 1e9:
        mantissa, power = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(power)}".replace("-", _MINUS)
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", _MINUS)


def with_error(value: float, error: float | None) -> str:
    """A figure and its standard error, which says how many digits are worth showing: `0.843 ± 0.015`."""
    if not error or not math.isfinite(error):
        return number(value)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:,.{digits}f} ± {error:.{digits}f}".replace("-", _MINUS)


def real_minus(text: str) -> str:
    """Text whose negative numbers have a real minus."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", _MINUS, text)


def percent(share: float) -> str:
    """A share: `99.7 %`."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%".replace(".0\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def moment(seconds: float) -> str:
    """A time of day, the same on every machine: `2026-11-24 02:18 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
