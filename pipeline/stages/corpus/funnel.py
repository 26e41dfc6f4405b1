"""What each step let pass, dropped and changed: counts by source, three examples each, and the dropped documents.

The steps of a task report; the reports of all tasks, added in their order, become `funnel.json`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from pipeline.stages.corpus.document import Document

EXAMPLES = 3
_SHOWN = 200


class StepReport:
    """The account of one step."""

    def __init__(self, name: str, dropped: DroppedFiles | None = None) -> None:
        """Everything starts at zero."""
        self.name = name
        self.documents_in: Counter[str] = Counter()
        self.documents_out: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        """Documents that are let pass more than once, by how often beyond the first time."""
        self.dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self.changed: Counter[str] = Counter()
        self.generated_dropped = 0
        self._examples: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._files = dropped

    def entering(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents, counted before the step."""
        for document in documents:
            self.documents_in[document.source] += 1
            yield document

    def leaving(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents, counted after the step."""
        for document in documents:
            self.documents_out[document.source] += 1
            yield document

    def drop(self, document: Document, reason: str, **because: Any) -> None:
        """Count and keep a document that does not go on."""
        self.dropped[reason][document.source] += 1
        self.generated_dropped += document.generated is not None
        self._example(reason, {"id": document.id, "source": document.source, "text": document.text[:_SHOWN]} | because)
        if self._files is not None:
            self._files.write(document, self.name, reason, because)

    def change(self, document: Document, before: str) -> None:
        """Count a document whose text the step changed; `before` is what it was."""
        self.changed[document.source] += 1
        start = _first_difference(before, document.text)
        shown = slice(max(0, start - 20), start + _SHOWN)
        self._example("changed", {"id": document.id, "before": before[shown], "after": document.text[shown]})

    def _example(self, kind: str, example: dict[str, Any]) -> None:
        if len(self._examples[kind]) < EXAMPLES:
            self._examples[kind].append(example)

    def add(self, account: dict[str, Any]) -> None:
        """Add the account that a later task gave of the same step."""
        self.documents_in.update(account["in_by_source"])
        self.documents_out.update(account["out_by_source"])
        self.repeated.update(account["repeated"])
        self.changed.update(account["changed"])
        self.generated_dropped += account["generated_dropped"]
        for reason, counts in account["dropped"].items():
            self.dropped[reason].update(counts)
        for kind, examples in account["examples"].items():
            for example in examples:
                self._example(kind, example)

    def as_json(self) -> dict[str, Any]:
        """The account for `funnel.json`."""
        return {
            "step": self.name,
            "in": self.documents_in.total(),
            "out": self.documents_out.total(),
            "in_by_source": dict(self.documents_in),
            "out_by_source": dict(self.documents_out),
            "changed": dict(self.changed),
            "dropped": {reason: dict(counts) for reason, counts in self.dropped.items()},
            "repeated": dict(self.repeated),
            "generated_dropped": self.generated_dropped,
            "examples": dict(self._examples),
        }


def added(accounts: Iterable[list[dict[str, Any]]]) -> list[StepReport]:
    """The reports of all tasks as one: each task gives the accounts of the same steps, in their order."""
    reports: dict[str, StepReport] = {}
    for account in (step for steps in accounts for step in steps):
        reports.setdefault(account["step"], StepReport(account["step"])).add(account)
    return list(reports.values())


class DroppedFiles:
    """`REASON-TASK.jsonl`: every document of a task that did not stay, with the step and the reason."""

    def __init__(self, folder: Path, rank: int = 0) -> None:
        """Files are made when the first document is dropped for their reason."""
        self._folder, self._rank = folder, rank
        self._files: dict[str, IO[bytes]] = {}

    def write(self, document: Document, step: str, reason: str, because: dict[str, Any]) -> None:
        """Append one document."""
        if reason not in self._files:
            self._folder.mkdir(exist_ok=True)
            self._files[reason] = open(self._folder / f"{reason}-{self._rank:05}.jsonl", "wb")  # noqa: SIM115 -- closed by its owner
        row = document.row()
        if document.is_page:
            row["html"] = row.pop("text")
        self._files[reason].write(json.dumps({"step": step, "reason": reason} | because | row).encode("ascii") + b"\n")

    def close(self) -> None:
        """Finish the files."""
        for file in self._files.values():
            file.close()


def _first_difference(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
