"""The page: a Jinja template and one stylesheet, inlined, under a policy that allows that stylesheet alone."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from pipeline.report.views import RunView

_SYMBOLS = {"pass": "✓", "warn": "!", "fail": "✗", "stopped": "✗", "running": "…", "unfinished": "…", "missing": "·"}
_WORDS = {
    "pass": "passed",
    "warn": "warning",
    "fail": "failed",
    "stopped": "stopped",
    "running": "running",
    "unfinished": "unfinished",
    "missing": "not reached",
}


def render(view: RunView, made_from: str) -> str:
    """The whole page; whatever a model or a user wrote is escaped. `made_from` is kept in its head."""
    own = files("pipeline.report")
    style = own.joinpath("report.css").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.globals |= {"symbols": _SYMBOLS, "words": _WORDS}
    page.tests["numeric"] = _is_numeric
    page.filters["ticks"] = _with_code
    return page.from_string(own.joinpath("report.html.jinja").read_text(encoding="utf-8")).render(
        run=view,
        made_from=made_from,
        style=Markup(style),  # ours, and hashed as it stands
        policy=f"default-src 'none'; style-src 'sha256-{_digest(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'",
        markup=Markup,  # for charts, which are ours: matplotlib escapes the names in them
    )


def _with_code(text: str) -> Markup:
    """Escaped text in which what stands in `ticks` is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _is_numeric(cell: str) -> bool:
    """Whether a cell is set to the right, as numbers are."""
    return re.fullmatch(r"(\N{MINUS SIGN}?[\d.,e\N{MINUS SIGN}]+( (±|to|of) [\d.,]+)?)?", cell) is not None


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
