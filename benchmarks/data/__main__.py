"""Preparing data, measured: `python -m benchmarks.data --data ../shared/data [--part speed]`.

Speeds are in CPU seconds (user and system) of one thread, contestants in turns in one run; loading libraries is
nobody's. `--data` is the folder of the open bundle of texts.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.data import encoding, planted, quality, tokenizers, whole

PARTS = {
    "extraction": lambda asked: quality.extraction(asked.data),
    "language": lambda asked: quality.languages(asked.data),
    "near-duplicates": lambda asked: quality.near_duplicates(asked.data),
    "planted": lambda asked: planted.planted(asked.data),
    "speed": lambda asked: whole.speed(asked.data, asked.turns),
    "scaling": lambda asked: whole.scaling(asked.data, asked.turns),
    "encoding": lambda asked: encoding.encoding(asked.data, min(asked.turns, 2)),
    "tokenizers": lambda asked: tokenizers.tokenizers(asked.data, asked.tokens),
    "memory": lambda asked: whole.memory(asked.data, asked.gigabytes),
}


def main() -> None:
    """Measure the parts that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the open bundle of texts")
    parser.add_argument("--part", choices=list(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=300_000, help="that each tokenizer's decoder is trained on")
    parser.add_argument("--gigabytes", type=float, default=2, help="of input for the part `memory`")
    asked = parser.parse_args()
    for part in asked.part:
        PARTS[part](asked)


if __name__ == "__main__":
    main()
