"""Two processes give the result of one: the same rows, the same losses, the same rollouts (fp32, dropout 0)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.training.metrics import read_rows
from tests import chain


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tests/recipes/small.yaml` run by accelerate on two gloo processes."""
    runs = tmp_path_factory.mktemp("two")
    chain.run(chain.SMALL, runs, launch=True)
    return runs / "small"


@pytest.mark.parametrize("name", ["train-00000.jsonl", "validation-00000.jsonl"])
def test_stages_for_the_main_process_give_the_same_bytes(small_run: Path, two: Path, name: str):
    assert (two / "corpus" / name).read_bytes() == (small_run / "corpus" / name).read_bytes()


@pytest.mark.parametrize("stage", ["pretrain", "sft", "reward"])
def test_the_first_twenty_losses_agree(small_run: Path, two: Path, stage: str):
    one, other = chain.metrics(small_run / stage), chain.metrics(two / stage)
    pairs = [(a["loss"], b["loss"]) for a, b in zip(one, other, strict=True)][:20]
    assert len(pairs) == 20
    for left, right in pairs:
        assert right == pytest.approx(left, rel=1e-4)


def test_held_out_windows_and_what_the_model_writes_agree(small_run: Path, two: Path):
    one, other = (chain.metrics(run / "pretrain") for run in (small_run, two))
    evaluated = [row["step"] for row in one if "validation_loss" in row]
    assert len(evaluated) > 3 and evaluated == [row["step"] for row in other if "validation_loss" in row]
    for left, right in zip(one, other, strict=True):
        for name in {"bits_per_byte", "validation_loss", "validation_bits_per_byte"} & left.keys():
            assert right[name] == pytest.approx(left[name], rel=1e-4)
    written = [(run / "pretrain/samples.jsonl").read_text().count("\n") for run in (small_run, two)]
    assert written == [3 * len(evaluated)] * 2


@pytest.fixture(scope="module")
def two_from_the_same(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Preferences, ppo and dpo on two processes, from the very weights that the one process used."""
    runs = tmp_path_factory.mktemp("two-from-the-same")
    kept = [stage for stage in chain.order(small_run) if stage not in ("preferences", "ppo", "dpo")]
    chain.copy_run(small_run, runs / "small", kept)
    chain.run(chain.SMALL, runs, launch=True)
    return runs / "small"


def test_preferences_are_the_same_rows(small_run: Path, two_from_the_same: Path):
    for name in ("train.jsonl", "validation.jsonl"):
        assert (two_from_the_same / "preferences" / name).read_text() == (small_run / "preferences" / name).read_text()


def test_ppo_samples_the_same_rollouts_and_takes_the_same_first_step(small_run: Path, two_from_the_same: Path):
    one, other = chain.metrics(small_run / "ppo")[0], chain.metrics(two_from_the_same / "ppo")[0]
    for name in ("score", "response_length", "ended"):
        assert other[name] == pytest.approx(one[name], rel=1e-6)
    for name in ("policy_grad_norm", "critic_grad_norm"):
        assert other[name] == pytest.approx(one[name], rel=1e-5)


def test_dpo_takes_the_same_steps_and_gives_the_same_answers(small_run: Path, two_from_the_same: Path):
    one, other = (chain.metrics(run / "dpo") for run in (small_run, two_from_the_same))
    assert len(one) == len(other) >= 20
    for left, right in zip(one, other, strict=True):
        for name in ("loss", "grad_norm", "margin", "chosen_reward"):
            assert right[name] == pytest.approx(left[name], rel=1e-4, abs=1e-5), name
    one, other = (read_rows(run / "dpo/course.jsonl") for run in (small_run, two_from_the_same))
    assert [row["step"] for row in one] == [row["step"] for row in other] == [0, 13, 27, 40]
    for left, right in zip(one, other, strict=True):
        assert right == pytest.approx(left, rel=1e-3, abs=1e-4)
