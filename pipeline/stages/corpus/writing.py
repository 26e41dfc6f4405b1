"""The second half of the work on a document, once it is known which repeat others: drop those, mix, split, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.core.artifact import write_json
from pipeline.data.engine import whole_folder
from pipeline.stages.corpus.cleaning import Step, walked
from pipeline.stages.corpus.config import Config
from pipeline.stages.corpus.duplicates import Copies, drop_copies
from pipeline.stages.corpus.funnel import DroppedFiles
from pipeline.stages.corpus.mixing import epochs_of, mix
from pipeline.stages.corpus.shards import write_splits
from pipeline.stages.corpus.sources import forget_false_surprisal
from pipeline.stages.corpus.spool import Spools


def writing_steps(config: Config, copies: Path, spools: Spools, epochs: Mapping[str, float]) -> dict[str, Step]:
    """The steps in their order, each with its settings."""
    chosen: dict[str, Step] = {}
    if config.deduplicate.exact:
        exact = Copies.load(copies / "exact.npz")
        chosen["exact_duplicates"] = partial(drop_copies, copies=exact, spools=spools, reason="exact_duplicate")
    if config.deduplicate.near is not None:
        near = Copies.load(copies / "near.npz")
        chosen["near_duplicates"] = partial(drop_copies, copies=near, spools=spools, reason="near_duplicate")
    if epochs:
        chosen["mix"] = partial(mix, epochs=epochs, validation=config.validation)
    return chosen


@dataclass(frozen=True)
class Write:
    """The task: the clean documents of `rank`, through the steps, into `folder/RANK`."""

    config: Config
    clean: str
    copies: str
    epochs: Mapping[str, float]
    """How often each source's documents stand in the corpus; empty where sources have no weights."""
    folder: str

    def __call__(self, rank: int) -> None:
        """Write the shards, their counts, the account of the steps, and what they dropped."""
        spools = Spools(Path(self.clean))
        with whole_folder(Path(self.folder, f"{rank:05}")) as target:
            dropped = DroppedFiles(target / "dropped", rank)
            steps = writing_steps(self.config, Path(self.copies), spools, self.epochs)
            documents, reports = walked(spools.of(rank), steps, dropped)
            documents = forget_false_surprisal(documents)
            shards = write_splits(documents, target, rank, self.config.validation, self.config.validation_from)
            dropped.close()
            write_json(target / "counts.json", shards.as_json())
            write_json(target / "steps.json", {"steps": [report.as_json() for report in reports]})


def planned_epochs(config: Config, clean: Path, copies: Path, addresses: list[str]) -> dict[str, float]:
    """How often each source's documents are to stand in the corpus, by the text that is left of it."""
    weights = {
        address: source.weight for address, source in zip(addresses, config.sources, strict=True) if source.weight
    }
    if not weights:
        return {}
    spools = Spools(clean)
    sizes = spools.column("sizes")
    for name in ("exact", "near"):
        sizes[Copies.load(copies / f"{name}.npz").dropped] = 0
    left = np.bincount(spools.column("sources"), weights=sizes, minlength=len(addresses))
    known = {address: int(size) for address, size in zip(dict.fromkeys(addresses), left.tolist(), strict=False)}
    return epochs_of(weights, {address: size for address, size in known.items() if size}, config.max_epochs)
