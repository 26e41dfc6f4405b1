"""The page of a run: its template, filled in with what is known of the run."""

from __future__ import annotations

from pipeline.figures.page import page
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
    return page("pipeline.report", "report.html.jinja", run=view, made_from=made_from, symbols=_SYMBOLS, words=_WORDS)
