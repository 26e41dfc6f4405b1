"""One contestant in a process of its own: `python -m benchmarks.pretrain.worker '{"contestant": "ours", ...}'`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from benchmarks.pretrain.clock import Clock
from benchmarks.pretrain.contestants import CONTESTANTS
from benchmarks.pretrain.steps import steps
from benchmarks.pretrain.text import characters


def main() -> None:
    task = json.loads(sys.argv[1])
    torch.set_num_threads(1)
    clock = Clock(task["turn"])
    if "shape" in task:
        steps(task["contestant"], task["shape"], task["compiled"], task["steps"], task["nanogpt"], clock)
    else:
        text = characters(Path(task["text"]), task["tuning"])
        CONTESTANTS[task["contestant"]](text, task["seed"], clock, **task["settings"])


if __name__ == "__main__":
    main()
