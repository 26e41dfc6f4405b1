"""Documents and sources for the tests of the corpus stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from pipeline.artifacts import Corpus
from pipeline.core.artifact import write_json
from pipeline.core.progress import Progress
from pipeline.core.references import Resolved
from pipeline.core.stage import Check, Engine, Inputs, Outcome
from pipeline.stages.corpus.checks import check
from pipeline.stages.corpus.cleaning import walked
from pipeline.stages.corpus.config import Config, Deduplicate
from pipeline.stages.corpus.document import Document
from pipeline.stages.corpus.duplicates import find_copies
from pipeline.stages.corpus.funnel import DroppedFiles, StepReport
from pipeline.stages.corpus.spool import Spools, write_spool
from pipeline.stages.corpus.stage import run
from pipeline.stages.corpus.writing import writing_steps
from tests.unit.stages.tiny import make_context

WORDS = [
    f"{first}{last}"
    for first in ("bri", "mel", "tor", "san", "kel")
    for last in ("da", "mo", "lin", "sur", "vek", "pa")
]


def words(seed: int, count: int = 60) -> list[str]:
    """Words of a text that resembles no other."""
    draws = Random(seed)
    return [draws.choice(WORDS) + draws.choice(WORDS) for _ in range(count)]


def text_of(seed: int) -> str:
    return " ".join(words(seed))


def documents(*texts: str) -> list[Document]:
    return [Document(text, f"{number:03}", "./a") for number, text in enumerate(texts)]


def report(folder: Path) -> StepReport:
    return StepReport("step", DroppedFiles(folder / "dropped"))


def deduplicated(
    folder: Path, texts: Sequence[str], threshold: float | None = 0.7, tasks: int = 1
) -> tuple[list[str], dict[str, StepReport]]:
    """The texts that stay, and the reports of the steps; near duplicates are dropped from the threshold on."""
    clean, copies = folder / "clean", folder / "copies"
    planted = documents(*texts)
    for rank in range(tasks):
        (clean / f"{rank:05}").mkdir(parents=True)
        stretch = planted[rank * len(planted) // tasks : (rank + 1) * len(planted) // tasks]
        write_spool(clean / f"{rank:05}", stretch, ["./a"], near=threshold is not None)
    deduplicate = Deduplicate(exact=True, near=threshold and {"threshold": threshold})
    find_copies(deduplicate, clean, copies, Engine(workers=1), Progress("test", quiet=True))
    spools = Spools(clean)
    steps = writing_steps(Config(sources=[{"data": "./a"}], deduplicate=deduplicate), copies, spools, {})
    kept, reports = walked((document for rank in range(tasks) for document in spools.of(rank)), steps,
                           DroppedFiles(folder / "dropped"))  # fmt: skip
    return [document.text for document in kept], {report.name: report for report in reports}


class Made:
    """A corpus made from files of rows, with everything the stage left."""

    def __init__(self, folder: Path, *sources: Sequence[dict[str, Any]] | Resolved, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        inputs = [
            source if isinstance(source, Resolved) else _file(folder, n, source) for n, source in enumerate(sources)
        ]
        against = [file_of(folder / f"{name}.jsonl") for name in settings.pop("against", ())]
        against += settings.pop("benchmarks", [])
        weights = settings.pop("weights", [None] * len(inputs))
        if against:
            ngram = settings.pop("ngram", 13)
            settings["decontaminate"] = {"against": [source.address for source in against], "ngram": ngram}
        about = settings.pop("about", [{}] * len(inputs))
        sources = [{"data": "./a.jsonl", "weight": weight, **said} for weight, said in zip(weights, about, strict=True)]
        self.config = Config(sources=sources, **settings)
        self.inputs = Inputs(
            sources=[Inputs(data=source) for source in inputs],
            safety=Inputs(blocklist_from=self.config.safety.blocklist_from and file_of(folder / "blocklist.txt")),
            decontaminate=Inputs(against=against) if against else None,
        )
        self.context = make_context(folder / "corpus")
        self.outcome: Outcome = run(self.config, self.inputs, self.context)
        self.path = self.context.output

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        return [json.loads(line) for path in Corpus(self.path).shards(split) for line in path.read_text().splitlines()]

    def texts(self) -> set[str]:
        return {row["text"] for split in ("train", "validation") for row in self.rows(split)}

    def dropped(self, reason: str) -> list[dict[str, Any]]:
        files = sorted((self.path / "dropped").glob(f"{reason}-*.jsonl"))
        return [json.loads(line) for path in files for line in path.read_text().splitlines()]

    def funnel(self) -> dict[str, Any]:
        return {step["step"]: step for step in json.loads((self.path / "funnel.json").read_text())["steps"]}

    def checks(self) -> dict[str, Check]:
        write_json(self.path / "manifest.json", {"metrics": dict(self.outcome.metrics)})
        return {c.name.split(" among")[0]: c for c in check(self.config, self.inputs, Corpus(self.path), self.context)}


def _file(folder: Path, number: int, rows: Sequence[dict[str, Any]]) -> Resolved:
    path = folder / f"source-{number}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file_of(path)


def file_of(path: Path) -> Resolved:
    return Resolved(address=f"./{path.name}", scheme="path", fingerprint="", path=path)
