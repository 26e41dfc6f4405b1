"""PPO by adapters: one copy of the weights, a KL of exactly 0 at first, an exact resume, a merged policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from pydantic import ValidationError
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForSequenceClassification

from pipeline.models.loading import load_model, load_tokenizer
from pipeline.models.scoring import RewardScorer
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.resuming import save_state
from pipeline.stages.ppo.stage import build, run
from pipeline.stages.ppo.trainer import Trainer
from tests.learning import ppo_chain
from tests.learning.ppo_chain import settings
from tests.learning.ppo_on_worlds import make_trainer, small_llama
from tests.unit.models.tiny import tiny_tokenizer
from tests.unit.training.killing import assert_resumes_exactly

CRITICS = ["auto", "policy", "shared"]


def longer(prompts: Any, responses: Any) -> list[float]:
    return [float(len(response)) for response in responses]


def trainer(model: Any = None, scorer: RewardScorer | None = None, **changes: Any) -> Trainer:
    changes = {"lora": {}, **changes}
    model = small_llama(12, seed=0) if model is None else model
    return make_trainer(
        model, settings(**changes), longer, [Prompt((1, 2)), Prompt((3,))], end_ids=[11], scorer=scorer
    )  # fmt: skip


def small_scorer(**sizes: int) -> RewardScorer:
    torch.manual_seed(4)
    shape: dict[str, Any] = {"vocab_size": 12, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
             "num_attention_heads": 2, "max_position_embeddings": 64, "num_labels": 1} | sizes  # fmt: skip
    model = LlamaForSequenceClassification(LlamaConfig(**shape, pad_token_id=0)).eval()
    return RewardScorer(model, tiny_tokenizer(), mean=0.5, std=2.0)


@pytest.mark.parametrize("dora", [False, True])
@pytest.mark.parametrize("network", CRITICS)
def test_the_kl_is_exactly_zero_until_something_is_learned(network: str, dora: bool):
    adapted = trainer(critic={"network": network}, lora={"dora": dora}, learning_rate=1e-2)
    first, second = adapted.step(), adapted.step()
    assert first["kl"] == 0.0 and second["kl"] != 0.0
    assert first["log_prob_mismatch"] < 1e-5


@pytest.mark.parametrize("network", CRITICS)
def test_only_adapters_and_the_critics_head_change(network: str):
    model = small_llama(12, seed=0)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    adapted = trainer(model, critic={"network": network}, learning_rate=1e-2)
    adapted.step()
    after = {name.replace(".base_layer", ""): weights for name, weights in model.state_dict().items()}
    assert all(torch.equal(after[name], weights) for name, weights in before.items())
    for part in adapted.trained.values():
        assert part and all(weights.requires_grad for weights in part)
    moved = [weights for weights in adapted.trained["policy"] if weights.shape[1] == 8]  # those that start as 0
    assert all(weights.abs().max() > 0 for weights in moved)


def test_policy_and_critic_learn_apart():
    """Each adapter ends where it would if the other were not there: neither sees the other's gradient or norm."""
    ends = []
    for rate in (1e-2, 1e-3):
        adapted = trainer(critic_learning_rate=rate, steps=1, update={"epochs": 1})
        adapted.step()
        ends.append([weights.clone() for weights in adapted.trained["policy"]])
    assert all(torch.equal(first, second) for first, second in zip(*ends, strict=True))


def test_a_critic_beside_the_reward_model_starts_as_its_score_and_leaves_it_alone():
    scorer, rows = small_scorer(), [[1, 2, 3, 4], [5, 6]]
    before = scorer.score_ids(rows)
    adapted = trainer(scorer=scorer, critic_learning_rate=1e-2)
    assert torch.equal(scorer.score_ids(rows), before)
    plain = trainer(scorer=small_scorer(), lora=None)
    layouts = adapted.packer.lay_out([(1, 2)], torch.tensor([[3, 4]]), torch.ones(1, 2))
    with torch.no_grad():
        torch.testing.assert_close(adapted.critic(layouts[0]), plain.critic(layouts[0]))
    adapted.step()
    with torch.no_grad():
        assert torch.equal(scorer.score_ids(rows), before)
        assert not torch.equal(adapted.critic(layouts[0]), plain.critic(layouts[0]))


def held(adapted: Trainer) -> int:
    """Bytes of everything that policy, reference and critic hold, their gradients and moments too; each once."""
    parts = (adapted.policy, adapted.reference, adapted.critic)
    tensors = [weights for part in parts for weights in part.parameters()]
    tensors += [weights.grad for weights in tensors if weights.grad is not None]
    learners = [learner for learner in (adapted.policy_learner, adapted.critic_learner) if learner is not None]
    tensors += [
        value
        for learner in learners
        for state in learner.optimizer.state.values()
        for value in state.values()
        if isinstance(value, torch.Tensor)
    ]
    return sum({tensor.untyped_storage().data_ptr(): tensor.nbytes for tensor in tensors}.values())


@pytest.mark.parametrize(("network", "most"), [("policy", 1.3), ("shared", 1.15)])
def test_policy_reference_and_critic_are_one_copy_of_the_weights(network: str, most: float):
    """With gradients and moments of both adapters; the shape's proportions are those of SmolLM2-135M, fewer layers."""
    model = small_llama(4096, 0, hidden_size=192, layers=4)
    base = sum(weights.nbytes for weights in model.parameters())
    adapted = trainer(model, critic={"network": network})
    updater, taken = adapted.updater, []
    apply = updater._apply

    def applied(learner: Any) -> float:
        taken.append(held(adapted))
        return apply(learner)

    updater._apply = applied  # type: ignore[method-assign]
    adapted.step()
    assert base < max(taken) <= most * base
    assert held(trainer(small_llama(4096, 0, hidden_size=192, layers=4), lora=None)) > 2.5 * base


@pytest.fixture
def policy(tmp_path: Path) -> Any:
    return ppo_chain.write_policy(tmp_path / "policy")


@pytest.fixture
def prompts(tmp_path: Path) -> Any:
    return ppo_chain.write_prompts(tmp_path / "prompts.jsonl")


@pytest.mark.parametrize("network", CRITICS)
def test_killed_it_ends_with_the_bits_of_one_that_was_not(tmp_path: Path, policy: Any, prompts: Any, network: str):
    config = settings(lora={"rank": 4}, critic={"network": network}, steps=4, checkpoint_every=1)
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), prompts)
    assert_resumes_exactly(lambda context: run(config, given, context), tmp_path, kill_at=3, kept=2)


def test_a_checkpoint_holds_the_adapters_alone(tmp_path: Path, policy: Any, prompts: Any):
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), prompts)
    model, tokenizer = load_model(policy.path), load_tokenizer(policy.path)
    adapted, _ = build(settings(lora={}), given, ppo_chain.context(tmp_path / "out"), model, tokenizer)
    save_state(adapted, tmp_path, {})
    kept = {name: load_file(tmp_path / f"{name}.safetensors") for name in ("policy", "critic")}
    assert all("lora" in name for name in kept["policy"])
    assert [name for name in kept["critic"] if "lora" not in name] == ["head.weight"]
    assert sum(weights.nbytes for part in kept.values() for weights in part.values()) == adapted.bytes()


def test_the_policy_is_saved_merged_and_its_adapter_beside(tmp_path: Path, policy: Any, prompts: Any):
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("share_of_yes"), prompts)
    run(settings(lora={}, learning_rate=1e-2), given, ppo_chain.context(tmp_path / "ppo"))
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "ppo")
    base = AutoModelForCausalLM.from_pretrained(policy.path)
    tokens = torch.tensor([[1, 2, 3, 4, 5]])
    before = base(tokens).logits
    opened = PeftModel.from_pretrained(base, str(tmp_path / "ppo/adapter"))
    torch.testing.assert_close(merged(tokens).logits, opened(tokens).logits, rtol=0, atol=1e-5)
    assert (merged(tokens).logits - before).abs().max() > 1e-3
    assert not [name for name in merged.state_dict() if "lora" in name]


def test_dropout_is_refused():
    with pytest.raises(ValidationError, match="the policy that learns would not be the one that sampled"):
        Config.model_validate({"lora": {"dropout": 0.1}})
