"""The settings of the Trainer with a Llama: `python -m benchmarks.pretrain.tuning --text FILE`.

By the loss on a slice held back from the training part; the judge's part is not looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.pretrain.cost_to_loss import task
from benchmarks.pretrain.turns import Contestant, alone

STEPS = (450, 500, 550, 600)
LEARNING_RATES = (1.5e-3, 2e-3, 3e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    text = parser.parse_args().text
    for steps in STEPS:
        for learning_rate in LEARNING_RATES:
            settings = {"steps": steps, "learning_rate": learning_rate}
            contestant = Contestant("trainer", task("trainer", text, 1, tuning=True, **settings))
            print(settings, alone(contestant), flush=True)


if __name__ == "__main__":
    main()
