"""Walk documents through the steps, one after another, and write what stays."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.artifact import write_json
from pipeline.core.errors import StageError
from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.exact_duplicates import drop_exact_duplicates
from pipeline.stages.corpus.extract import extract
from pipeline.stages.corpus.filters import filter_documents
from pipeline.stages.corpus.funnel import DroppedFiles, StepReport
from pipeline.stages.corpus.language import identify_languages
from pipeline.stages.corpus.near_duplicates import drop_near_duplicates
from pipeline.stages.corpus.quality import filter_by_quality
from pipeline.stages.corpus.repair import repair
from pipeline.stages.corpus.shards import Shards, write_splits
from pipeline.stages.corpus.sources import forget_false_surprisal, read_sources

Step = Callable[..., Iterator[Document]]
"""`step(documents, rank, world_size, report=...)`."""


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Make a corpus of clean, different documents in two splits, and account for every one that was dropped."""
    clear(context.output)
    dropped = DroppedFiles(context.output / "dropped")
    documents = read_sources(limited(config, inputs), context.progress)
    reports = []
    for name, step in steps(config, context.work).items():
        report = StepReport(name, dropped)
        documents = report.leaving(step(report.entering(documents), report=report))
        reports.append(report)
    documents = forget_false_surprisal(documents)
    shards = write_splits(documents, context.output, config.validation, config.validation_from, context.progress)
    dropped.close()
    require_documents(shards, reports)
    figures = metrics(shards, reports)
    write_json(context.output / "funnel.json", {"steps": [report.as_json() for report in reports], **figures})
    kept, read = figures["documents"], figures["documents_read"]
    size = format_count(figures["train_bytes"] + figures["validation_bytes"])
    return Outcome(metrics=figures, headline=f"{kept:,} of {read:,} documents, {size} bytes")


def steps(config: Config, work: Path) -> dict[str, Step]:
    """The steps in their order, each with its settings. Cheap ones that drop much come first."""
    chosen: dict[str, Step] = {"extract": partial(extract, extractor=config.extract)}
    if config.repair:
        chosen["repair"] = repair
    if config.language is not None:
        chosen["language"] = partial(identify_languages, settings=config.language)
    if config.deduplicate.exact:
        chosen["exact_duplicates"] = partial(drop_exact_duplicates, work=work)
    chosen["filters"] = partial(filter_documents, filters=config.filters)
    if config.quality:
        chosen["quality"] = partial(filter_by_quality, rules=config.quality)
    if config.deduplicate.near is not None:
        chosen["near_duplicates"] = partial(
            drop_near_duplicates, work=work, threshold=config.deduplicate.near.threshold
        )
    return chosen


def limited(config: Config, inputs: Inputs) -> list[tuple[Any, int | None]]:
    """Each source with the number of documents to read from it."""
    limits = [[number for number in (source.documents, config.limit) if number] for source in config.sources]
    return [(source.data, min(numbers, default=None)) for source, numbers in zip(inputs.sources, limits, strict=True)]


def clear(output: Path) -> None:
    """Remove what an unfinished attempt left: the stage starts over. Its scratch files are written over."""
    shutil.rmtree(output / "dropped", ignore_errors=True)
    for path in output.glob("*-*.jsonl"):
        path.unlink()


def require_documents(shards: Shards, reports: Iterable[StepReport]) -> None:
    """Refuse an empty training split, naming the step that emptied it."""
    if shards.documents["train"]:
        return
    for report in reports:
        if not report.documents_out:
            reasons = ", ".join(f"{counts.total()} {reason}" for reason, counts in report.dropped.items())
            raise StageError(f"the corpus is empty: step {report.name} dropped all its documents ({reasons}); "
                             f"dropped/ holds them")  # fmt: skip
    raise StageError("all documents fell into the validation split; lower `validation` or add documents")


def metrics(shards: Shards, reports: list[StepReport]) -> dict[str, Any]:
    """The figures of the manifest."""
    read, kept = reports[0].documents_in, reports[-1].documents_out
    figures = {
        "documents_read": read.total(),
        "documents": kept.total(),
        "share_kept": kept.total() / read.total(),
        "dropped": {reason: counts.total() for report in reports for reason, counts in report.dropped.items()},
        "changed": {report.name: report.changed.total() for report in reports if report.changed},
    }
    for split in ("train", "validation"):
        figures |= {f"{split}_documents": shards.documents[split], f"{split}_bytes": shards.bytes[split]}
    return figures | selection(shards.generated, reports)


def selection(kept: int, reports: Iterable[StepReport]) -> dict[str, float]:
    """How far selection may have lowered the floor of the documents whose surprisal is known, in nats a document.

    Choosing a share of all documents can raise their probability by one over that share at most. Copies of a
    document that stays are no selection.
    """
    lost = sum(report.generated_dropped for report in reports if report.name != "exact_duplicates")
    if not kept:
        return {}
    share = kept / (kept + lost)
    return {"generated_documents": kept, "generated_share_kept": share, "selection_nats": math.log(1 / share)}
