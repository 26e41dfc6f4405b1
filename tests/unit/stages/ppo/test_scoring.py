"""What scores answers: by ids or by text, alone or several together."""

from __future__ import annotations

import json

import pytest

from pipeline.artifacts import RewardModel
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs
from pipeline.data.chat import response_text
from pipeline.models.scoring import load_scorer
from pipeline.stages.ppo.prompts import encode_prompts
from pipeline.stages.ppo.scoring import WeightedSum, distinct, label, open_reward
from pipeline.stages.ppo.stage import run
from tests.learning import ppo_chain

ANSWERS = ["yes no maybe", "blue", "say it please now yes"]
ROWS = [
    {"prompt": [{"role": "user", "content": f"say {word} now"}], "answer": word, "pattern": "^y|e$"}
    for word in ("yes", "blue", "red")
]


@pytest.fixture
def tokenizer():
    return ppo_chain.tokenizer()


@pytest.fixture
def prompts(tokenizer):
    return encode_prompts(ROWS, tokenizer, "rows", 64, 8)


@pytest.fixture
def responses(tokenizer):
    return [tokenizer(f"{text} <|end|>")["input_ids"] for text in ANSWERS]


def builtin(name: str) -> Resolved:
    return Resolved(f"builtin:{name}", "builtin", "", name=name)


def part(reward, weight: float = 1.0, pattern: str | None = None) -> Inputs:
    return Inputs(reward=reward, weight=weight, pattern=pattern)


def test_a_reward_model_with_the_policys_tokenizer_reads_the_very_tokens(tmp_path, tokenizer, prompts, responses):
    reward = ppo_chain.write_reward_model(tmp_path / "same")
    score, scorer = open_reward(reward, tokenizer)
    rows = [[*prompt.ids, *response] for prompt, response in zip(prompts, responses, strict=True)]
    assert score(prompts, responses) == scorer.score_ids(rows).tolist()


@pytest.mark.parametrize("other", ["words", "template"])
def test_a_reward_model_with_another_tokenizer_or_template_reads_the_text(
    tmp_path, tokenizer, prompts, responses, other
):
    """Its own ids and marks, whatever the policy's are: the scores are those of the conversations as text."""
    words = ["first", *reversed(ppo_chain.WORDS)] if other == "words" else ppo_chain.WORDS
    folder = ppo_chain.write_reward_model(tmp_path / "other", words).path
    if other == "template":
        spoken = "{% for m in messages %}{{ m.content }} maybe {% endfor %}{{ eos_token }}"
        (folder / "chat_template.jinja").write_text(spoken)
    score, starts_the_critic = open_reward(RewardModel(folder, address="reward"), tokenizer)
    assert starts_the_critic is None
    own = load_scorer(folder)
    texts = [response_text(tokenizer, response) for response in responses]
    assert texts == ANSWERS
    assert score(prompts, responses) == own.score([prompt.messages for prompt in prompts], texts)
    by_policys_ids = own.score_ids([[*p.ids, *r] for p, r in zip(prompts, responses, strict=True)]).tolist()
    assert score(prompts, responses) != pytest.approx(by_policys_ids, abs=1e-3)


def test_several_rewards_are_added_by_their_weights_and_told_apart(tokenizer, prompts, responses):
    parts = [
        part(builtin("exact-answer"), 2.0), part(builtin("pattern"), 1.0), part(builtin("pattern"), -1.0, "please"),
        part(ppo_chain.python_reward("share_of_yes"), 8.0),
    ]  # fmt: skip
    score, _ = open_reward(parts, tokenizer)
    assert isinstance(score, WeightedSum)
    assert score.each(prompts, responses) == {
        "exact_answer": [0.0, 1.0, 0.0],
        "pattern_2": [1.0, 1.0, 0.0],
        "pattern_3": [0.0, 0.0, 1.0],
        "share_of_yes": [0.125, 0.0, 0.125],
    }
    assert score(prompts, responses) == [2.0, 3.0, 0.0]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("reward", "reward"), ("builtin:exact-answer", "exact_answer"), ("mine.rewards:polite", "polite"),
        ("./models/big reward/", "big_reward"), ("hf://org/reward-model@main", "reward_model"),
    ],
)  # fmt: skip
def test_a_reward_is_called_by_the_end_of_its_address(address, name):
    assert label(address) == name
    assert distinct([name, "other", name]) == [f"{name}_1", "other", f"{name}_3"]


def test_each_reward_is_in_the_metrics_and_in_the_samples(tmp_path):
    policy = ppo_chain.write_policy(tmp_path / "policy")
    prompts = ppo_chain.write_prompts(tmp_path / "prompts.jsonl")
    rewards = [part(ppo_chain.python_reward("share_of_yes"), 3.0), part(builtin("pattern"), 1.0, "red|green")]
    config = ppo_chain.settings(steps=2)
    run(config, ppo_chain.inputs(policy, rewards, prompts), ppo_chain.context(tmp_path / "ppo"))
    for row in map(json.loads, (tmp_path / "ppo/metrics.jsonl").read_text().splitlines()):
        assert row["score"] == pytest.approx(3 * row["score_of_share_of_yes"] + row["score_of_pattern"], abs=1e-6)
    sample = json.loads((tmp_path / "ppo/samples.jsonl").read_text().splitlines()[0])
    assert {"score", "score_of_share_of_yes", "score_of_pattern"} <= sample["after"].keys()
