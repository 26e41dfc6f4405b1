"""Memory of PPO with adapters, and without, at the shape of SmolLM2-135M: `python -m benchmarks.ppo.adapters`.

Random weights in fp32, two updates on eight short answers, the critic beside (or a copy of) the policy. Counted are the
weights that policy, reference and critic hold, each tensor once; measured is the memory that is the process's own
(RssAnon: a checkpoint's file, which the system lends it, aside), over what it was before the stage began. A minute or
two.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

SMOLLM2_135M: dict[str, Any] = {
    "vocab_size": 49152, "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
    "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": True, "max_position_embeddings": 2048,
}  # fmt: skip


def main() -> None:
    """Print both, each measured in a process of its own."""
    alone = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for work in (write_base, with_adapters, without):
            process = alone.Process(target=work, args=(Path(folder),))
            process.start()
            process.join()
            assert process.exitcode == 0, work.__name__


def write_base(folder: Path) -> None:
    """The policy's folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tests.unit.data.foreign import tokenizer_of

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SMOLLM2_135M)).save_pretrained(folder / "base")
    template = "{% for m in messages %}{{ m.content }}<e>{% endfor %}"
    tokenizer_of(["<e>", "<pad>"], "<e>", template, "<pad>").save_pretrained(folder / "base")


def with_adapters(folder: Path) -> None:
    """Print what ppo takes with `lora`."""
    print("with adapters:", json.dumps(measure(folder, {})))


def without(folder: Path) -> None:
    """Print what ppo takes when it trains all weights."""
    print("all weights:  ", json.dumps(measure(folder, None)))


def measure(folder: Path, lora: dict[str, Any] | None) -> dict[str, Any]:
    """Two updates of the stage itself; everything in copies of the base's weights."""
    from pipeline.models.headers import weight_count
    from pipeline.stages.ppo import stage
    from pipeline.stages.ppo.config import Config
    from tests.learning import ppo_chain
    from tests.unit.stages.tiny import make_context, prompt, write_jsonl

    one_copy = 4 * (weight_count(folder / "base") or 0)
    questions = write_jsonl(folder / "q.jsonl", [prompt(f"say {word}") for word in ("rye", "mill", "town", "hill")])
    config = Config.model_validate({
        "steps": 2, "global_batch_size": 8, "lora": lora, "critic": {"network": "policy"}, "course": None,
        "sampling": {"max_new_tokens": 8}, "update": {"epochs": 1, "minibatches": 2},
    })  # fmt: skip
    policy = ppo_chain.Model(folder / "base", address="base")
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), questions)
    held, build = {}, stage.build

    def watched(*arguments: Any) -> Any:
        trainer, choices = build(*arguments)
        networks = (trainer.policy, trainer.reference, trainer.critic)
        held.update({id(part): part.nbytes for network in networks for part in network.parameters()})
        return trainer, choices

    stage.build = watched
    before = own_memory()
    with Highest() as highest:
        outcome = stage.run(config, given, make_context(folder / f"ppo-{lora is None}"))
    found = {
        "weights held": sum(held.values()),
        "weights and moments": outcome.metrics["state_bytes"],
        "highest own memory": highest.bytes - before,
    }
    return {name: round(size / one_copy, 3) for name, size in found.items()} | {"bytes of a copy": one_copy}


class Highest:
    """The most memory of its own that the process has, looked at a hundred times a second."""

    def __enter__(self) -> Highest:
        self.bytes, self._on = own_memory(), True
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False
        self._thread.join()

    def _look(self) -> None:
        while self._on:
            self.bytes = max(self.bytes, own_memory())
            time.sleep(0.01)


def own_memory() -> int:
    """Bytes that are this process's alone."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert found is not None
    return 1024 * int(found[1])


if __name__ == "__main__":
    main()
