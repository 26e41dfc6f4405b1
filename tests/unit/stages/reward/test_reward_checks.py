from __future__ import annotations

import pytest

from pipeline.data.pair_checks import above_chance, goes_with_truth, near_ceiling
from pipeline.stages.reward.checks import spread


@pytest.mark.parametrize(
    ("accuracy", "pairs", "verdict"), [(0.56, 300, "fail"), (0.56, 900, "pass"), (0.48, 900, "fail")]
)
def test_chance_is_told_by_the_number_of_pairs(accuracy, pairs, verdict):
    assert above_chance({"accuracy": accuracy, "held_out_pairs": pairs}).verdict == verdict


@pytest.mark.parametrize(("raw", "verdict"), [(1.0, "pass"), (0.1, "warn"), (1e-5, "fail")])
def test_one_score_for_everything_is_no_reward(raw, verdict):
    assert spread({"score_spread": 1.0, "raw_std": raw}).verdict == verdict


@pytest.mark.parametrize(("found", "verdict"), [(0.8, "pass"), (0.1, "warn"), (-0.05, "warn"), (-0.4, "fail")])
def test_a_reward_against_the_judge_fails(found, verdict):
    assert goes_with_truth({"truth_correlation": found, "held_out_pairs": 300}).verdict == verdict


def test_the_distance_from_the_ceiling_is_held_against_its_error():
    figures = {"ceiling": 0.85, "accuracy": 0.74, "held_out_pairs": 300}
    assert near_ceiling(figures | {"accuracy_standard_error": 0.02}).verdict == "pass"
    assert near_ceiling(figures | {"accuracy_standard_error": 0.01}).verdict == "warn"
