"""Pretraining beside its peers: `python -m benchmarks.pretrain --text input.txt --nanogpt DIR`.

Everything is CPU seconds (user and system) of one thread, in turns, as ratios; loading libraries and data is nobody's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.pretrain import cost_per_token, cost_to_loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, required=True, help="tinyshakespeare: a text file, or a jsonl.gz of texts")
    parser.add_argument("--nanogpt", type=Path, required=True, help="a checkout of karpathy/nanoGPT")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", choices=["loss", "token"], help="one of the two")
    asked = parser.parse_args()
    if asked.only != "token":
        cost_to_loss.compare(asked.text, asked.nanogpt, asked.seeds)
    if asked.only != "loss":
        cost_per_token.compare(asked.nanogpt)


if __name__ == "__main__":
    main()
