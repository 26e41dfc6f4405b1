"""What each step let pass, dropped and changed: counts by source, three examples each, and the dropped documents.

The steps report; `stage` writes the result as `funnel.json`.
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

    def __init__(self, name: str, dropped: DroppedFiles) -> None:
        """Everything starts at zero."""
        self.name = name
        self.documents_in: Counter[str] = Counter()
        self.documents_out: Counter[str] = Counter()
        self.dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self.changed: Counter[str] = Counter()
        self.generated_dropped = 0
        self._examples: dict[str, list[dict[str, str]]] = defaultdict(list)
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
        self._files.write(document, self.name, reason, because)

    def change(self, document: Document, before: str) -> None:
        """Count a document whose text the step changed; `before` is what it was."""
        self.changed[document.source] += 1
        start = _first_difference(before, document.text)
        shown = slice(max(0, start - 20), start + _SHOWN)
        self._example("changed", {"id": document.id, "before": before[shown], "after": document.text[shown]})

    def _example(self, kind: str, example: dict[str, str]) -> None:
        if len(self._examples[kind]) < EXAMPLES:
            self._examples[kind].append(example)

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
            "examples": dict(self._examples),
        }


class DroppedFiles:
    """`dropped/REASON.jsonl`: every document that did not stay, with the step and the reason."""

    def __init__(self, folder: Path) -> None:
        """Files are made when the first document is dropped for their reason."""
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    def write(self, document: Document, step: str, reason: str, because: dict[str, Any]) -> None:
        """Append one document."""
        if reason not in self._files:
            self._folder.mkdir(exist_ok=True)
            self._files[reason] = open(self._folder / f"{reason}.jsonl", "wb")  # noqa: SIM115 -- closed by its owner
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
