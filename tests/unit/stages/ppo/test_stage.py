from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from pipeline.core.artifact import write_json
from pipeline.core.errors import PipelineError
from pipeline.core.progress import Progress
from pipeline.core.stage import Inputs
from pipeline.models.loading import load_model
from pipeline.stages.ppo.checks import check
from pipeline.stages.ppo.stage import build, require_shares, run
from pipeline.training.metrics import OF_THE_MACHINE
from tests.learning import ppo_chain


@pytest.fixture
def policy(tmp_path):
    return ppo_chain.write_policy(tmp_path / "policy")


@pytest.fixture
def prompts(tmp_path):
    return ppo_chain.write_prompts(tmp_path / "prompts.jsonl")


def run_into(folder, policy, prompts, reward="share_of_yes", **changes):
    given = ppo_chain.inputs(policy, ppo_chain.python_reward(reward), prompts)
    given.update = Inputs(pretraining=Inputs(text=ppo_chain.write_text(prompts.path.with_name("text.jsonl"))))
    given.course = Inputs(prompts=None)
    return run(ppo_chain.settings(**changes), given, ppo_chain.context(folder))


def lines(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: figure for name, figure in row.items() if name not in OF_THE_MACHINE} for row in rows]


@pytest.mark.parametrize(("calls", "critic"), [(0, {}), (1, {"warmup_steps": 2}), (2, {"network": "shared"}), (3, {})])
def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path, policy, prompts, calls, critic):
    changes = {
        "critic": critic,
        "update": {"minibatches": 2, "epochs": 2, "pretraining": {"text": "./text.jsonl", "documents": 3}}, "kl": {"adaptive": {"target": 0.01, "horizon": 16}},
        "scores": {"normalize": True}, "course": {"num_prompts": 2, "max_new_tokens": 4, "points": 2},
    }  # fmt: skip
    whole = run_into(tmp_path / "whole", policy, prompts, "until_killed", **changes)
    ppo_chain.calls_left[:] = [calls]
    with pytest.raises(ppo_chain.Killed):
        run_into(tmp_path / "killed", policy, prompts, "until_killed", **changes)
    ppo_chain.calls_left.clear()
    unfinished = tmp_path / "killed/.work/checkpoints/checkpoint-99"
    unfinished.mkdir(parents=True)
    (unfinished / "policy.safetensors").write_text("cut off")
    resumed = run_into(tmp_path / "killed", policy, prompts, "until_killed", **changes)
    for name in ("model.safetensors", "samples.jsonl", "course.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    assert lines(tmp_path / "whole") == lines(tmp_path / "killed")
    assert whole.metrics == resumed.metrics
    assert not unfinished.exists()
    kept = sorted(path.name for path in (tmp_path / "killed/.work/checkpoints").iterdir())
    assert kept == ["checkpoint-3", "checkpoint-4"]


def test_the_saved_policy_opens_and_has_changed(tmp_path, policy, prompts):
    outcome = run_into(tmp_path / "ppo", policy, prompts)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "ppo")
    assert model.config.use_cache
    before = load_file(policy.path / "model.safetensors")
    after = load_file(tmp_path / "ppo/model.safetensors")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    json.dumps(dict(outcome.metrics), allow_nan=False)
    samples = [json.loads(line) for line in (tmp_path / "ppo/samples.jsonl").read_text().splitlines()]
    assert {"prompt", "before", "after"} == set(samples[0])


def test_a_reward_model_starts_the_critic_and_another_tokenizer_reads_text(tmp_path, policy, prompts):
    same = ppo_chain.write_reward_model(tmp_path / "same")
    other = ppo_chain.write_reward_model(tmp_path / "other", words=["other", *ppo_chain.WORDS])
    trainers = {}
    for name, reward in (("same", same), ("other", other)):
        given, where = ppo_chain.inputs(policy, reward, prompts), ppo_chain.context(tmp_path / name / "out")
        trainers[name], _ = build(ppo_chain.settings(), given, where, load_model(policy.path), ppo_chain.tokenizer())
        assert trainers[name].step()["step"] == 1
    assert (trainers["same"].critic.mean, trainers["same"].critic.std) == (0.5, 0.1)
    assert (trainers["other"].critic.mean, trainers["other"].critic.std) == (0.0, 1.0)


def test_weighted_rewards_are_added(tmp_path, policy, prompts):
    part = ppo_chain.python_reward("share_of_yes")
    weighted = [Inputs(reward=part, weight=3.0, pattern=None), Inputs(reward=part, weight=-1.0, pattern=None)]
    figures = {}
    for name, reward in (("one", part), ("sum", weighted)):
        given, where = ppo_chain.inputs(policy, reward, prompts), ppo_chain.context(tmp_path / name)
        trainer, _ = build(ppo_chain.settings(), given, where, load_model(policy.path), ppo_chain.tokenizer())
        figures[name] = trainer.step()
    assert figures["sum"]["score"] == pytest.approx(2 * figures["one"]["score"], abs=1e-6)


@pytest.mark.parametrize(
    ("reward", "message"), [("one_score_too_few", "7 scores for 8 answers"), ("no_number", "not a finite number")]
)
def test_a_faulty_reward_is_named(tmp_path, policy, prompts, reward, message):
    with pytest.raises(PipelineError, match=f"{reward}.*{message}"):
        run_into(tmp_path / "ppo", policy, prompts, reward)


def test_a_prompt_without_room_for_an_answer_is_named(tmp_path, policy, prompts):
    with pytest.raises(PipelineError, match=r"jsonl:1: \d+ tokens.*context of 64.*max_new_tokens to at most 5\d"):
        run_into(tmp_path / "ppo", policy, prompts, sampling={"max_new_tokens": 60})


def test_no_prompts_is_an_error(tmp_path, policy):
    with pytest.raises(PipelineError, match=r"empty\.jsonl"):
        run_into(tmp_path / "ppo", policy, ppo_chain.write_prompts(tmp_path / "empty.jsonl", rows=0))


def test_fewer_prompts_than_a_batch_are_used_again(tmp_path, policy):
    run_into(tmp_path / "ppo", policy, ppo_chain.write_prompts(tmp_path / "two.jsonl", rows=2), steps=1)


def test_a_batch_that_cannot_be_shared_names_those_that_can():
    config = ppo_chain.settings(global_batch_size=10, update={"minibatches": 2})
    with pytest.raises(PipelineError, match="8 or 12 would do"):
        require_shares(config, world_size=2)


def test_the_time_of_an_update_is_told_by_phase(tmp_path, policy, prompts):
    run_into(tmp_path / "ppo", policy, prompts, steps=2)
    for row in map(json.loads, (tmp_path / "ppo/metrics.jsonl").read_text().splitlines()):
        phases = [row[f"{name}_seconds"] for name in ("sampling", "reading", "scoring", "update")]
        assert min(phases) >= 0 and 0 < sum(phases) <= row["seconds"] + 0.01
        assert row["tokens_per_second"] > 0


def test_a_reward_that_counts_words_is_named_while_it_trains_and_only_once(tmp_path, policy, prompts):
    said = StringIO()
    where = replace(ppo_chain.context(tmp_path / "ppo"), progress=Progress("ppo", stream=said))
    given = ppo_chain.inputs(policy, ppo_chain.python_reward("words"), prompts)
    changes = {"steps": 25, "global_batch_size": 32, "learning_rate": 3e-3, "sampling": {"max_new_tokens": 24}}
    run(ppo_chain.settings(**changes, scores={"missing_end_penalty": 0.0}, checkpoint_every=100), given, where)
    warnings = [line for line in said.getvalue().splitlines() if "warning" in line]
    assert len([line for line in warnings if "the score rises mostly with length" in line]) == 1, warnings
    assert all("update " in line for line in warnings)
    rows = [row for row in lines(tmp_path / "ppo") if "the score rises mostly with length" in row.get("warning", "")]
    assert len(rows) == 1 and f"update {rows[0]['step']}: " in "".join(warnings)


def test_fewer_documents_than_processes_are_refused():
    config = ppo_chain.settings(update={"pretraining": {"text": "./text.jsonl", "documents": 1}})
    require_shares(config, world_size=1)
    with pytest.raises(PipelineError, match=r"documents: 1 cannot be shared among 2 processes; write 2 or more"):
        require_shares(config, world_size=2)


def checked(tmp_path, **figures):
    names = ("score", "tokens", "ended", "true_score", "true_grammatical")
    sound = {"kl": 5.0, "entropy": 1.0, "clip_fraction": 0.1, "response_length": 20.0}
    sound |= {f"{name}_{kind}": value for name in names for kind, value in
              (("before", 1.0), ("after", 1.4), ("gain", 0.4), ("gain_error", 0.1))}  # fmt: skip
    files = {
        "metrics.jsonl": [
            {"step": 1, "score_error": figures.pop("score_error", 0.1),
             "explained_variance": figures.pop("explained_variance", 0.4)}
        ],
        "samples.jsonl": [
            {"before": {"text": f"{row}", "score": row % 5, "tokens": 9},
             "after": {"text": figures.get("text", f"{row}"), "score": row % 5 + 2, "tokens": 9}}
            for row in range(30)
        ],
    }  # fmt: skip
    for name, rows in files.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_json(tmp_path / "manifest.json", {"metrics": sound | figures})
    artifact = ppo_chain.Model(tmp_path)
    checks = check(ppo_chain.settings(), Inputs(), artifact, ppo_chain.context(tmp_path))
    return {item.name: item.verdict for item in checks}


@pytest.mark.parametrize(
    ("figures", "name", "verdict"),
    [
        ({"kl": 60.0}, "KL from the reference", "fail"),
        ({"kl": 30.0}, "KL from the reference", "warn"),
        ({"kl": 60.0, "response_length": 300.0}, "KL from the reference", "pass"),
        ({"tokens_after": 3.0}, "length, after : before", "warn"),
        ({"true_grammatical_gain": -0.5}, "change of grammatical", "warn"),
        ({"true_grammatical_gain": -0.8}, "change of grammatical", "fail"),
        ({"score_gain": -0.1}, "score gained", "warn"),
        ({"score_gain": -0.5}, "score gained", "fail"),
        ({"true_score_gain": -0.5}, "true score gained", "fail"),
        ({"entropy": 0.01}, "entropy per token", "warn"),
        ({"score_error": 0.0}, "spread of the reward", "fail"),
        ({"text": "the same"}, "different answers", "fail"),
        ({"ended_after": 0.1}, "answers that end", "fail"),
        ({"explained_variance": -0.3}, "returns explained by the critic", "warn"),
    ],
)
def test_checks_pass_for_sound_figures_and_name_what_is_not(tmp_path, figures, name, verdict):
    assert set(checked(tmp_path).values()) == {"pass"}
    assert checked(tmp_path, **figures)[name] == verdict
