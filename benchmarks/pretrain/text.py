"""The text that is learned: characters by their numbers, its first nine tenths to train on, its last to judge by."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HELD_BACK = 60_000
"""Characters at the end of the training part that settings are tuned on; the judge's part is never looked at for it."""


@dataclass(frozen=True)
class Characters:
    """A text as nanoGPT cuts it."""

    file: Path
    train: np.ndarray
    judge: np.ndarray
    count: int
    """Different characters."""


def characters(path: Path, tuning: bool) -> Characters:
    """The text of a plain file, or of the `text` column of a jsonl.gz file; for tuning, only its training part."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            text = "".join(json.loads(line)["text"] for line in lines)
    else:
        text = path.read_text(encoding="utf-8")
    number = {character: index for index, character in enumerate(sorted(set(text)))}
    ids = np.array([number[character] for character in text], dtype=np.int64)
    train, judge = np.split(ids, [int(0.9 * len(ids))])
    if tuning:
        train, judge = np.split(train, [len(train) - HELD_BACK])
    return Characters(path, train, judge, len(number))


def windows_of(ids: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """All of `ids` in windows that do not overlap, and what follows each token: (windows, length) both."""
    count = (len(ids) - 1) // length * length
    return ids[:count].reshape(-1, length), ids[1 : count + 1].reshape(-1, length)
