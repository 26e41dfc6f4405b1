"""A page that charts stand in: a Jinja template and one stylesheet, inlined, under a policy that allows that alone.

`page.css` gives the classes of `style.COLOURS` their values in light and in dark, so that charts follow the page.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

_NUMBER = re.compile(
    r"([+\N{MINUS SIGN}]?[\d.,e\N{MINUS SIGN}]+( (±|to|of) [\d.,]+)?([ \N{NO-BREAK SPACE}](%|[kMGT]?B))?)?"
)


def page(package: str, template: str, **values: Any) -> str:
    """The template of a package, filled in: every value is escaped, since what models and documents say is not ours.

    The template may use `style`, `policy` and `markup` (for charts, which are ours: matplotlib escapes the names in
    them), the filter `ticks` and the test `numeric`.
    """
    style = files("pipeline.figures").joinpath("page.css").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.tests["numeric"] = is_numeric
    environment.filters["ticks"] = _with_code
    text = files(package).joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(
        style=Markup(style),  # ours, and hashed as it stands
        policy=f"default-src 'none'; style-src 'sha256-{_digest(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'",
        markup=Markup,
        **values,
    )


def is_numeric(cell: str) -> bool:
    """Whether a cell is set to the right, as numbers are."""
    return _NUMBER.fullmatch(cell) is not None


def _with_code(text: str) -> Markup:
    """Escaped text in which what stands in `ticks` is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
