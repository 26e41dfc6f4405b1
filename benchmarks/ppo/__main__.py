"""`python -m benchmarks.ppo --trl-python PATH`: our PPO beside that of trl 1.12.

    python3 -m venv trl && trl/bin/pip install torch==2.13.0 && trl/bin/pip install trl==1.12.0
    OMP_NUM_THREADS=1 python -m benchmarks.ppo --trl-python trl/bin/python

Without `--trl-python` ours alone is measured. Some ten minutes of CPU on one thread; `--part` takes some of it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.ppo import cost, outcome
from benchmarks.ppo.turns import own_side, trl_side

PARTS = ("cost", "outcome", "grids")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ppo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--trl-python", help="the Python of an environment with trl 1.12.0")
    parser.add_argument("--part", choices=PARTS, action="append", help="cost and outcome when left out")
    parser.add_argument("--turns", type=int, default=5, help="updates that count, on each kind of answers")
    parser.add_argument("--cache", default=str(Path(tempfile.gettempdir()) / "gristmill-ppo-benchmark"))
    options = parser.parse_args()
    own, trl = own_side(), trl_side(options.trl_python) if options.trl_python else None
    parts = options.part or ["cost", "outcome"]
    if trl is None:
        print("no --trl-python: our side alone, and no outcome to compare\n")
    if "grids" in parts:
        sides = [(own, outcome.OWN_GRID, outcome.OWN_FIXED)] + ([(trl, outcome.TRL_GRID, {})] if trl else [])
        outcome.print_grids(sides, options.cache)
    if "cost" in parts:
        cost.print_cost(own, trl, options.cache, options.turns)
    if "outcome" in parts and trl is not None:
        outcome.print_outcome(own, trl, options.cache)


if __name__ == "__main__":
    main()
