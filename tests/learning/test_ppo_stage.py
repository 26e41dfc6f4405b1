"""The ppo stage raises what it is paid for."""

from __future__ import annotations

import json

import pytest

from pipeline.core.artifact import write_json
from pipeline.stages.ppo.checks import check
from pipeline.stages.ppo.stage import run
from tests.learning import ppo_chain

pytestmark = pytest.mark.learning


def test_ppo_raises_the_rewarded_token(tmp_path):
    """A share of each 'yes', no KL penalty: the trivial environment every PPO must solve."""
    policy = ppo_chain.write_policy(tmp_path / "policy")
    prompts = ppo_chain.write_prompts(tmp_path / "prompts.jsonl")
    config = ppo_chain.settings(
        steps=30, global_batch_size=32, kl_coefficient=0.0, learning_rate=3e-3, scores={"missing_end_penalty": 0.0}
    )
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), prompts)
    context = ppo_chain.context(tmp_path / "ppo")
    outcome = run(config, given, context)
    assert outcome.metrics["score_before"] < 0.1
    assert outcome.metrics["score_after"] > 0.6
    rows = [json.loads(line) for line in (tmp_path / "ppo/metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 31))
    assert max(row["log_prob_mismatch"] for row in rows) < 1e-5
    write_json(tmp_path / "ppo/manifest.json", {"metrics": dict(outcome.metrics)})
    verdicts = {item.name: item.verdict for item in check(config, given, type(policy)(tmp_path / "ppo"), context)}
    assert verdicts["score gained"] == "pass"
