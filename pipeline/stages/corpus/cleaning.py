"""The first half of the work on a document, which needs no other: read, extract, repair, filter.

A task reads a stretch of the sources and leaves its clean documents in a folder, for `duplicates` and `writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.core.artifact import write_json
from pipeline.data.bad_rows import BadRow
from pipeline.data.engine import whole_folder
from pipeline.data.reading import read_part
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.decontaminate import decontaminate
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.extract import extract
from pipeline.stages.corpus.filters import filter_documents
from pipeline.stages.corpus.funnel import DroppedFiles, StepReport
from pipeline.stages.corpus.language import identify_languages
from pipeline.stages.corpus.quality import filter_by_quality
from pipeline.stages.corpus.repair import repair
from pipeline.stages.corpus.safety import make_safe
from pipeline.stages.corpus.sources import Stretch, address_of, document_of
from pipeline.stages.corpus.spool import write_spool

Step = Callable[..., Iterator[Document]]
"""`step(documents, rank, world_size, report=...)`."""


def cleaning_steps(config: Config, blocked: tuple[str, ...] = (), benchmarks: str | None = None) -> dict[str, Step]:
    """The steps in their order, each with its settings. Cheap ones that drop much come first."""
    chosen: dict[str, Step] = {"extract": partial(extract, extractor=config.extract)}
    if config.repair:
        chosen["repair"] = repair
    chosen["filters"] = partial(filter_documents, filters=config.filters)
    if config.language is not None:
        chosen["language"] = partial(identify_languages, settings=config.language)
    if config.quality:
        chosen["quality"] = partial(filter_by_quality, rules=config.quality)
    if blocked or config.safety.pii:
        chosen["safety"] = partial(make_safe, blocked=blocked, pii=config.safety.pii)
    if benchmarks is not None:
        chosen["decontaminate"] = partial(decontaminate, index=benchmarks)
    return chosen


@dataclass(frozen=True)
class Clean:
    """The task: the parts of `rank`, through the steps, into `folder/RANK`."""

    config: Config
    stretches: tuple[Stretch, ...]
    """What each task reads."""
    blocked: tuple[str, ...]
    """The blocklist, with what its file holds."""
    benchmarks: str | None
    """The index of what must not be in the corpus, if there is one."""
    folder: str

    def __call__(self, rank: int) -> None:
        """Write the clean documents, their index, the account of the steps, and what they dropped."""
        with whole_folder(Path(self.folder, f"{rank:05}")) as target:
            dropped = DroppedFiles(target / "dropped", rank)
            reading = StepReport("read", dropped)
            documents = self._read(rank, reading)
            before = [reading] if self.config.on_bad_row == "drop" else []
            documents, reports = walked(
                documents, cleaning_steps(self.config, self.blocked, self.benchmarks), dropped, before
            )
            sources = list(dict.fromkeys(address_of(part) for stretch in self.stretches for part in stretch))
            write_spool(target, documents, sources, near=self.config.deduplicate.near is not None)
            dropped.close()
            write_json(target / "steps.json", {"steps": [report.as_json() for report in reports]})

    def _read(self, rank: int, report: StepReport) -> Iterator[Document]:
        for part in self.stretches[rank]:
            address = address_of(part)
            on_bad = partial(_drop_row, report, address) if self.config.on_bad_row == "drop" else None
            rows = (document_of(row, address) for row in read_part(part, on_bad))
            yield from report.leaving(report.entering(rows))


def _drop_row(report: StepReport, address: str, row: BadRow) -> None:
    report.documents_in[address] += 1
    report.drop(Document(row.excerpt, row.place, address), row.reason, message=row.message)


def walked(
    documents: Iterable[Document], steps: dict[str, Step], dropped: DroppedFiles, before: Sequence[StepReport] = ()
) -> tuple[Iterable[Document], list[StepReport]]:
    """The documents on their way through the steps, and the reports, which are full once all have passed."""
    reports = list(before)
    for name, step in steps.items():
        report = StepReport(name, dropped)
        documents = report.leaving(step(report.entering(documents), report=report))
        reports.append(report)
    return documents, reports
