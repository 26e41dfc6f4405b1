"""What `funnel.json` says of a corpus: where each document went, as an account that adds up; what of it is private."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

READ, KEPT = "read", "in the corpus"
PRIVATE_STEPS = ("safety", "decontaminate")
"""Steps that take out what is harmful or personal, or must not be read before a test: their examples are for who made
the corpus alone.
"""


@dataclass(frozen=True)
class Entry:
    """One line of the account."""

    step: str
    """Which step; empty for the first and the last line."""
    what: str
    counts: Mapping[str, int]
    """Documents by source: dropped ones below zero."""

    @property
    def title(self) -> str:
        """What happened, and in which step where that does not say the same."""
        return self.what if self.step in ("", f"{self.what}s") else f"{self.what} ({self.step})"

    @property
    def total(self) -> int:
        """Of all sources."""
        return sum(self.counts.values())


def words(name: str) -> str:
    """A step or a reason in words: `gopher_quality-gopher_short_doc` is `gopher quality: gopher short doc`."""
    return name.replace("_", " ").replace("-", ": ", 1)


def ledger(steps: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The account of the `steps` of `funnel.json`: of every source, the entries but the last add up to the last."""
    if not steps:
        return []
    entries = [Entry("", READ, steps[0]["in_by_source"])]
    for step in steps:
        name = words(step["step"])
        for reason, counts in step["dropped"].items():
            entries.append(Entry(name, words(reason), {source: -count for source, count in counts.items()}))
        if step.get("repeated"):  # corpora of before sources had weights say nothing of it
            entries.append(Entry(name, "taken again", step["repeated"]))
    return [*entries, Entry("", KEPT, steps[-1]["out_by_source"])]


def off_by(steps: Sequence[Mapping[str, Any]]) -> int:
    """By how many documents the account of any source does not add up; 0 unless something was lost or made up."""
    *entries, kept = ledger(steps)
    sources = {source for entry in [*entries, kept] for source in entry.counts}
    return sum(
        abs(sum(entry.counts.get(source, 0) for entry in entries) - kept.counts.get(source, 0)) for source in sources
    )


def for_everyone(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps without the examples of private ones."""
    return [{**step, "examples": {}} if step["step"] in PRIVATE_STEPS else dict(step) for step in steps]
