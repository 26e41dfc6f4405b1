"""What each choice of the character recipe is worth: `python -m benchmarks.pretrain.features --text FILE`.

Each is taken away from our training of the race, in the same steps, by the loss on a slice held back from the training
part; the judge's part is not looked at.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.pretrain.cost_to_loss import task
from benchmarks.pretrain.turns import Contestant, alone

ADAMW = {"train.optimizer": "adamw", "train.muon_learning_rate": 0.02}
WITHOUT: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "no value embeddings": {"decoder.value_embeddings": "false"},
    "no Muon, learning rate 4e-3": {**ADAMW, "train.learning_rate": 4e-3},
    "no Muon, learning rate 8e-3": ADAMW,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args()
    for name, changes in WITHOUT.items():
        for seed in asked.seeds:
            contestant = Contestant("ours", task("ours", asked.text, seed, tuning=True, **changes))
            print(f"{name:<28} seed {seed}  {alone(contestant)}", flush=True)


if __name__ == "__main__":
    main()
