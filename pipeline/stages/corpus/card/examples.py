"""The examples on a card: documents that stay, that were dropped and that were changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.data.funnel import PRIVATE_STEPS, Entry, words
from pipeline.hub.record import public
from pipeline.stages.corpus.card.parts import Quote, count, documents

_WITHHELD = "Not shown: it holds what this step is there to take out."
_TOLD = ("id", "source", "text", "before", "after")
"""What an example always has; the rest says why."""

Quotes = Mapping[str, Sequence[Quote]]


def kept_quotes(profile: Mapping[str, Any]) -> Quotes:
    """Some documents of each source."""
    return {
        public(source["address"]): [
            Quote(f"{public(shown['id'])} · {shown['split']} · {count(shown['characters'])} characters", _cut(shown))
            for shown in source["examples"]
        ]
        for source in profile["sources"]
        if source["examples"]
    }


def dropped_quotes(steps: Sequence[Mapping[str, Any]]) -> Quotes:
    """Some documents for each reason."""
    return {
        f"{Entry(words(step['step']), words(reason), {}).title}: {documents(sum(counts.values()))}": [
            Quote(_label(example, because={}), _WITHHELD)
            if step["step"] in PRIVATE_STEPS
            else Quote(_label(example, because=example), example["text"])
            for example in step["examples"].get(reason, [])
        ]
        for step in steps
        for reason, counts in step["dropped"].items()
    }


def rewritten_quotes(steps: Sequence[Mapping[str, Any]]) -> Quotes:
    """Some documents that each step changed, before and after."""
    found: dict[str, list[Quote]] = {}
    for step in steps:
        quotes: list[Quote] = []
        for example in step["examples"].get("changed", []):
            before = _WITHHELD if step["step"] in PRIVATE_STEPS else example["before"]
            quotes += [Quote(f"{public(example['id'])} · before", before), Quote("after", example["after"])]
        if quotes:
            found[f"{words(step['step'])}: {documents(sum(step['changed'].values()))}"] = quotes
    return found


def _label(example: Mapping[str, Any], because: Mapping[str, Any]) -> str:
    why = [f"{name} {public(value)}" for name, value in because.items() if name not in _TOLD]
    return " · ".join([public(example["id"]), public(example["source"]), *why])


def _cut(shown: Mapping[str, Any]) -> str:
    return shown["text"] if len(shown["text"]) == shown["characters"] else f"{shown['text']} […]"
