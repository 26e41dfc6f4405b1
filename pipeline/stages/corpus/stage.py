"""Make a corpus in three rounds of tasks: clean every document, decide which repeat others, write what stays."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.quantities import format_count
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.engine import run_tasks
from pipeline.stages.corpus.card.writing import described, write_card
from pipeline.stages.corpus.cleaning import Clean
from pipeline.stages.corpus.config import STAGE, Config
from pipeline.stages.corpus.decontaminate import as_json, index_benchmarks
from pipeline.stages.corpus.duplicates import Copies, find_copies
from pipeline.stages.corpus.funnel import StepReport, added
from pipeline.stages.corpus.safety import blocked_entries
from pipeline.stages.corpus.shards import SPLITS, Shards
from pipeline.stages.corpus.sources import Stretch, divided
from pipeline.stages.corpus.writing import Write, planned_epochs


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Make a corpus of clean, different documents in two splits, and account for every one that was dropped."""
    stretches = divided(limited(config, inputs), config.tasks)
    blocked = blocked_entries(config.safety.blocklist, inputs.safety.blocklist_from)
    work = context.work / identity(config, stretches, blocked, benchmarks_of(inputs))
    benchmarks = index_of_benchmarks(config, inputs, context, work)
    clean, copies, write = (work / name for name in ("clean", "copies", "write"))
    engine, progress = context.runtime.engine, context.progress
    cleaning = Clean(config, stretches, blocked, benchmarks, str(clean))
    run_tasks(cleaning, len(stretches), clean, engine, progress, unit="cleaning task")
    find_copies(config.deduplicate, clean, copies, engine, progress)
    addresses = [source.data.address or str(source.data.path) for source in inputs.sources]
    epochs = planned_epochs(config, clean, copies, addresses)
    writing = Write(config, str(clean), str(copies), epochs, str(write))
    run_tasks(writing, len(stretches), write, engine, progress, unit="writing task")
    outcome, shards = gather([clean, write], len(stretches), context.output)
    similarity = Copies.load(copies / "near.npz").similarity
    write_card(config, context, shards, described(config, inputs, shards, similarity))
    return outcome


def limited(config: Config, inputs: Inputs) -> list[tuple[Any, int | None]]:
    """Each source with the number of documents to read from it."""
    limits = [[number for number in (source.documents, config.limit) if number] for source in config.sources]
    return [(source.data, min(numbers, default=None)) for source, numbers in zip(inputs.sources, limits, strict=True)]


def benchmarks_of(inputs: Inputs) -> list[str]:
    """The fingerprints of the benchmarks that must not be in the corpus."""
    return [source.fingerprint for source in inputs.decontaminate.against] if inputs.decontaminate else []


def index_of_benchmarks(config: Config, inputs: Inputs, context: StageContext, work: Path) -> str | None:
    """The file with what must not be in the corpus, for every task; `benchmarks.json` says what is in it."""
    if config.decontaminate is None:
        return None
    path, ngram = work / "benchmarks.npz", config.decontaminate.ngram
    benchmarks = index_benchmarks(inputs.decontaminate.against, ngram, path)
    write_json(context.output / "benchmarks.json", as_json(benchmarks, ngram))
    for benchmark in benchmarks:
        if benchmark.too_short:
            context.progress.note(f"{benchmark.address}: {benchmark.too_short:,} of its {benchmark.items:,} texts have "
                                  f"fewer than {ngram} words and cannot be found")  # fmt: skip
    return str(path)


def identity(config: Config, stretches: tuple[Stretch, ...], *others: Any) -> str:
    """A name for what is being made, so that tasks that another recipe or other files left are not taken for done."""
    settings = config.model_dump_json(exclude={"sources": {"__all__": {"license", "description"}}})
    return xxh3_64_hexdigest(f"{STAGE.version} {settings} {stretches} {others}".encode())


def gather(rounds: list[Path], tasks: int, output: Path) -> tuple[Outcome, Shards]:
    """The files of all tasks as one corpus: shards, what was dropped and the funnel; and the counts of all."""
    shards, reports = Shards(), []
    shutil.rmtree(output / "dropped", ignore_errors=True)
    for path in output.glob("*-*.jsonl"):
        path.unlink()
    for folder in rounds:
        ranks = [folder / f"{rank:05}" for rank in range(tasks)]
        reports += added(read_json(rank / "steps.json")["steps"] for rank in ranks)
        for rank in ranks:
            _link(rank, output, "*-*.jsonl")
            _link(rank / "dropped", output / "dropped", "*.jsonl")
    for rank in ranks:
        shards.add(read_json(rank / "counts.json"))
    figures = metrics(shards, reports)
    write_json(output / "funnel.json", {"steps": [report.as_json() for report in reports], **figures})
    require_documents(shards, reports)
    kept, read = figures["documents"], figures["documents_read"]
    size = format_count(figures["train_bytes"] + figures["validation_bytes"])
    return Outcome(metrics=figures, headline=f"{kept:,} of {read:,} documents, {size} bytes"), shards


def _link(source: Path, target: Path, pattern: str) -> None:
    for path in sorted(source.glob(pattern)):
        target.mkdir(exist_ok=True)
        try:
            os.link(path, target / path.name)
        except OSError:  # a file system without hard links
            shutil.copyfile(path, target / path.name)


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
    for split in SPLITS:
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
