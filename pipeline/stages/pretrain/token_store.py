"""The corpus as one flat file of token ids (`tokens.bin`), with where each document starts (`documents.npy`) and the
bytes of its text (`sizes.npy`).

Built once by rank 0, on all cores, and read by memory map. Packing decides which stretches make a row.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.progress import Progress
from pipeline.core.stage import Engine
from pipeline.data.engine import run_tasks
from pipeline.stages.pretrain.encoding_tasks import (
    COUNTS,
    LENGTHS,
    SIZES,
    TOKENS,
    EncodeStretch,
    part_of,
    stretches_of,
)

_AT_ONCE = 2**20
"""Bytes copied at once."""


@dataclass(frozen=True)
class TokenStore:
    """All documents' tokens, one after the other."""

    tokens: np.ndarray
    """Token ids, uint16 or uint32 (tokens,)."""
    starts: np.ndarray
    """Where each document starts, and the end of the last, int64 (documents + 1,)."""
    unknown: int = 0
    """Tokens that stand for text which the tokenizer cannot write."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each document, begin and end token counted, int64 (documents,)."""
        return np.diff(self.starts)


def build_store(folder: Path, shards: Sequence[Path], tokenizer: Path, engine: Engine, progress: Progress) -> None:
    """Write the store of the documents in `shards` into `folder`; one that is complete there is kept.

    `tokenizer` is its folder. The files are the same whatever the engine and the number of its workers; whoever is
    killed goes on with the stretches that are not encoded.

    Raises:
        StageError: if there is no document.
    """
    if (folder / "meta.json").exists():
        return
    stretches = stretches_of(shards)
    if not stretches:
        raise StageError("the corpus has no training documents; look at its funnel.json for what was dropped")
    folder.mkdir(parents=True, exist_ok=True)
    tasks = folder / "tasks"
    encoding = EncodeStretch(str(tokenizer), stretches, str(tasks))
    run_tasks(encoding, len(stretches), tasks, engine, progress, unit="encoding task")
    _join([part_of(tasks, rank) for rank in range(len(stretches))], folder)
    shutil.rmtree(tasks)


def _join(parts: Sequence[Path], folder: Path) -> None:
    with open(folder / TOKENS, "wb") as whole:
        for part in parts:
            with open(part / TOKENS, "rb") as tokens:
                shutil.copyfileobj(tokens, whole, _AT_ONCE)
    lengths, sizes = (np.concatenate([np.load(part / name) for part in parts]) for name in (LENGTHS, SIZES))
    counts = [read_json(part / COUNTS) for part in parts]
    np.save(folder / "documents.npy", np.concatenate(([0], np.cumsum(lengths))))
    np.save(folder / SIZES, sizes)
    # Last, so that a store without it is known to be half written.
    totals = {
        "documents": len(lengths),
        "tokens": int(lengths.sum()),
        "unknown": sum(part["unknown"] for part in counts),
    }
    write_json(folder / "meta.json", {"dtype": counts[0]["dtype"], **totals})


def open_store(folder: Path) -> TokenStore:
    """The store in `folder`, mapped into memory."""
    meta = read_json(folder / "meta.json")
    tokens = np.memmap(folder / "tokens.bin", dtype=meta["dtype"], mode="r", shape=(meta["tokens"],))
    return TokenStore(tokens, np.load(folder / "documents.npy"), meta["unknown"])


def text_sizes(folder: Path) -> np.ndarray:
    """Bytes of the text of each document of the store in `folder`, int64 (documents,)."""
    return np.load(folder / "sizes.npy")
