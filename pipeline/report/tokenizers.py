"""The tables of a tokenizer: bytes per token by source beside others', tokens per word by language, how text is cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.report.numbers import number
from pipeline.report.samples import legible
from pipeline.report.views import Table

_SEPARATOR = "\N{THIN SPACE}|\N{THIN SPACE}"


def tokenizer_tables(found: Mapping[str, Any]) -> list[Table]:
    """Those that have something to show."""
    made = [source_table(found), language_table(found), split_table(found), unused_table(found)]
    return [table for table in made if table.rows]


def source_table(found: Mapping[str, Any]) -> Table:
    """Bytes per token of each source, by this tokenizer, by others, and by single characters."""
    sources = found["sources"]
    others = list(dict.fromkeys(name for source in sources for name in source["compared"]))
    rows = [
        (
            source["source"], number(source["bytes"]), number(source["bytes_per_token"]),
            *(number(source["compared"][name]) for name in others),
            number(source["bytes"] / source["characters"]), f"{source['unknown_share']:.2%}",
        )
        for source in sources
    ]  # fmt: skip
    titles = ("source", "bytes", "this tokenizer", *others, "characters", "unknown tokens")
    return Table("Bytes per token", titles, rows, "of texts that were not learned from")


def language_table(found: Mapping[str, Any]) -> Table:
    """Tokens for each word."""
    rows = [(row["language"], number(row["texts"]), number(row["tokens_per_word"])) for row in found["languages"]]
    return Table("Tokens per word", ("language", "texts", "tokens per word"), rows)


def split_table(found: Mapping[str, Any]) -> Table:
    """The beginnings of texts, cut as the models see them."""
    rows = [(number(len(row["tokens"])), _SEPARATOR.join(map(legible, row["tokens"]))) for row in found["splits"]]
    return Table("How text is cut", ("tokens", "text"), rows)


def unused_table(found: Mapping[str, Any]) -> Table:
    """Learned tokens that do not occur."""
    shown = _SEPARATOR.join(map(legible, found["unused_examples"]))
    rows = [(number(found["unused_tokens"]), shown)] if found["unused_tokens"] else []
    return Table("Never used", ("tokens", "such as"), rows, "learned, but not in the text that was looked at")
