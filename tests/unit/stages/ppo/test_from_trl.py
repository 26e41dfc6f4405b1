"""The page for those who come from trl: every field has a row, every name of ours exists, its program runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from pipeline.core.stage import Runtime
from pipeline.stages import stage_table
from pipeline.stages.ppo.config import Config
from tests import chain
from tests.learning import ppo_chain

PAGE = (chain.ROOT / "pipeline/stages/ppo/FROM_TRL.md").read_text(encoding="utf-8")
FIELDS = {
    "learning_rate", "dataset_num_proc", "num_mini_batches", "total_episodes", "local_rollout_forward_batch_size",
    "num_sample_generations", "response_length", "stop_token", "stop_token_id", "temperature", "missing_eos_penalty",
    "sft_model_path", "world_size", "num_total_batches", "micro_batch_size", "local_batch_size", "batch_size",
    "local_mini_batch_size", "mini_batch_size", "push_to_hub", "reward_model_path", "model_adapter_name",
    "ref_adapter_name", "num_ppo_epochs", "whiten_rewards", "kl_coef", "kl_estimator", "cliprange", "vf_coef",
    "cliprange_value", "gamma", "lam", "ds3_gather_for_generation",
}  # fmt: skip
"""Those that trl 1.12.0's PPOConfig declares itself."""


def rows() -> list[list[str]]:
    """The cells of the page's tables that stand in a row with a name of trl's."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9.]+)`", cell))


def exists(name: str) -> bool:
    """Whether it is a setting of ppo, of the runtime or of a recipe's stage, the argument `out`, or a kind of stage."""
    if name.startswith("runtime."):
        return name.removeprefix("runtime.") in Runtime.model_fields
    if name in {"out", "seed", *stage_table()} or name.endswith(".jsonl"):
        return True
    place: type[BaseModel] = Config
    for part in name.split("."):
        if part not in place.model_fields:
            return False
        place = place.model_fields[part].annotation  # type: ignore[assignment]
    return True


def test_every_field_of_trl_has_a_row():
    assert set().union(*(names(cells[0]) for cells in rows())) >= FIELDS


def test_every_name_of_ours_exists():
    ours = set().union(*(names(cells[1]) for cells in rows())) - names("`null` `policy`'s")
    assert [name for name in sorted(ours) if not exists(name)] == []
    assert {"kl_coefficient", "update.minibatches", "scores.missing_end_penalty", "runtime.precision"} <= ours


def test_the_program_runs_on_local_models(tmp_path: Path):
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    ppo_chain.write_policy(tmp_path / "base")
    ppo_chain.write_reward_model(tmp_path / "reward")
    ppo_chain.write_prompts(tmp_path / "prompts.jsonl")
    small = (
        program.replace("steps=156", "steps=2")
        .replace("=64", "=8")
        .replace('"max_new_tokens": 53', '"max_new_tokens": 8')
    )
    (tmp_path / "program.py").write_text(small, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "program.py", "base", "reward", "prompts.jsonl", "out"],
        cwd=tmp_path, env=chain.ENVIRONMENT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads((tmp_path / "out/ppo/manifest.json").read_text())["metrics"]["steps"] == 2
    assert "score_after" in run.stdout
