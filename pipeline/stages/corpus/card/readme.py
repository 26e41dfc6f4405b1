"""The card as `README.md`: what `load_dataset` and the Hub read at its head, then the sections as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from huggingface_hub import DatasetCardData

from pipeline.hub.markdown import cell, table, verbatim, wrapped
from pipeline.stages.corpus.card.parts import Card, Quote, Section


def readme(card: Card, metadata: Mapping[str, Any]) -> str:
    """The whole file. `metadata` stands at its head."""
    parts = [
        f"---\n{DatasetCardData(**metadata).to_yaml()}\n---",
        f"# {cell(card.name)}",
        f"{card.sentence} The same with charts: `card.html`.",
        *(part for section in card.sections for part in _section(section)),
        "## How it was made",
        *_folded("The settings of the stage, defaults included", [_pre(card.settings)]),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    if section.text:
        yield section.text
    shown = [table(found.head, found.rows) for found in section.tables]
    for group, quotes in section.quotes.items():
        shown += [f"**{cell(group)}**", *map(_quote, quotes)]
    yield from _folded("Show them", shown) if section.folded else shown


def _quote(quote: Quote) -> str:
    return f"{cell(quote.label)}\n\n{_pre(quote.text)}"


def _pre(text: str) -> str:
    return f"<pre>\n{verbatim(wrapped(text.strip()))}\n</pre>"


def _folded(summary: str, shown: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{summary}</summary>", *shown, "</details>"]
