"""Two updates with every setting that needs other processes, on as many as torchrun starts; figures to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from pipeline.stages.ppo.prompts import Prompt
from tests.learning.ppo_chain import settings
from tests.learning.ppo_on_worlds import make_trainer, small_llama

SETTINGS: dict[str, dict[str, Any]] = {
    "kl in the loss": {"kl": {"estimator": "k2", "adaptive": {"target": 0.01, "horizon": 8}}, "kl_coefficient": 1.0},
    "normalised scores": {"scores": {"normalize": True}},
    "entropy and an early stop": {
        "update": {"entropy_coefficient": 0.3, "max_approx_kl": 1e-4, "epochs": 6}, "learning_rate": 1e-2,
    },
    "a shared critic": {"critic": {"network": "shared"}, "update": {"minibatches": 2}},
    "a warm-up": {"critic": {"warmup_steps": 1}},
    "an adapter each for policy and critic": {"lora": {"rank": 4}, "update": {"minibatches": 2}, "learning_rate": 1e-2},
    "an adapter and a shared critic": {"lora": {"dora": True}, "critic": {"network": "shared"}, "learning_rate": 1e-2},
    "text": {"update": {"pretraining": {"text": "./text.jsonl", "documents": 3}}},
}  # fmt: skip
DOCUMENTS = [[1, 4, 5, 6, 7], [1, 6, 5], [1, 8, 8, 8, 8, 8, 2], [1, 2]]


def figures_of(name: str) -> list[dict[str, Any]]:
    def score(prompts: Any, responses: Any) -> list[float]:
        return [float(response.count(3)) - 0.1 * len(response) for response in responses]

    prompts = [Prompt((1, 2)), Prompt((3,)), Prompt((4, 5, 6))]
    trainer = make_trainer(
        small_llama(12, 0), settings(**SETTINGS[name]), score, prompts, end_ids=[11], documents=DOCUMENTS
    )
    return [trainer.step() for _ in range(2)]


def main() -> None:
    torch.set_num_threads(1)
    found = {name: figures_of(name) for name in SETTINGS}
    from accelerate import PartialState

    state = PartialState()
    if state.is_main_process:
        Path(sys.argv[1]).write_text(json.dumps({"processes": state.num_processes, "figures": found}))


if __name__ == "__main__":
    main()
