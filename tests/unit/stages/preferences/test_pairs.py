from __future__ import annotations

import math
from statistics import fmean

import pytest

from pipeline.core.errors import DataError, StageError
from pipeline.stages.preferences.figures import ceiling, expected_ceiling, pair_figures
from pipeline.stages.preferences.labels import labelled, preference_probability, prefers_first
from pipeline.stages.preferences.pairs import Candidate, Drawn, draw_pairs, split_prompts
from tests.unit.stages.tiny import prompt


def candidate(number: int, texts=("a", "b"), scores=(1.0, 0.0), token_counts=(3, 2)) -> Candidate:
    return Candidate(number, prompt(f"p{number}", topic=number % 3), texts, scores, (True, True), token_counts)


def test_preference_probability_is_bradley_terry():
    for difference in (-2.0, -0.1, 0.0, 0.7, 900.0):
        expected = 1 / (1 + math.exp(-min(3 * difference, 700)))
        assert preference_probability(difference, 3.0) == pytest.approx(expected)


def test_without_sharpness_the_higher_score_always_wins():
    assert [preference_probability(difference, None) for difference in (-0.01, 0.01)] == [0.0, 1.0]
    assert all(prefers_first(candidate(number), None, seed=0) for number in range(50))


def test_labels_are_drawn_with_their_probability():
    pairs = [candidate(number, scores=(0.3, 0.0)) for number in range(4000)]
    share = fmean(prefers_first(pair, 3.0, seed=5) for pair in pairs)
    probability = preference_probability(0.3, 3.0)
    assert share == pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / 4000))
    assert ceiling(pairs, 3.0, seed=5) == share
    assert expected_ceiling(pairs, 3.0) == pytest.approx(probability)


def test_a_row_has_trls_columns_and_those_of_its_prompt():
    row = labelled(candidate(4, scores=(0.0, 9.0)), None, seed=0)
    assert row == {
        "prompt": [{"role": "user", "content": "p4"}],
        "topic": 1,
        "chosen": [{"role": "assistant", "content": "b"}],
        "rejected": [{"role": "assistant", "content": "a"}],
        "chosen_score": 9.0,
        "rejected_score": 0.0,
    }


def every_third_unusable(numbers: range) -> list[Candidate]:
    kinds = [{}, {"texts": ("a", "a")}, {}, {}, {"texts": ("a", " ")}, {}, {}, {"scores": (1.0, 1.0)}, {}]
    return [candidate(number, **kinds[number % 9]) for number in numbers]


def test_unusable_candidates_are_counted_and_replaced_by_the_next():
    drawn = draw_pairs(every_third_unusable, 6)
    assert [pair.number for pair in drawn.pairs] == [0, 2, 3, 5, 6, 8]
    assert drawn.dropped == {"identical": 1, "empty": 1, "tied": 1}
    assert drawn.total == 9


def test_pairs_do_not_depend_on_how_many_are_drawn_at_once(monkeypatch):
    whole = draw_pairs(every_third_unusable, 100, first=50)
    monkeypatch.setattr("pipeline.stages.preferences.pairs.BLOCK", 7)
    assert draw_pairs(every_third_unusable, 100, first=50) == whole


def test_a_policy_that_always_says_the_same_is_an_error():
    with pytest.raises(StageError, match=r"0 of 40 pairs.*40 identical.*raise temperature"):
        draw_pairs(lambda numbers: [candidate(number, texts=("a", "a")) for number in numbers], 10)


def test_training_and_validation_share_no_prompt():
    rows = [prompt(f"p{number % 40}", copy=number) for number in range(80)]
    training, validation = split_prompts(rows, pairs=300, held_out=100, seed=3)
    assert len(training) == 60 and len(validation) == 20
    assert not {str(row["prompt"]) for row in training} & {str(row["prompt"]) for row in validation}


def test_a_single_prompt_cannot_be_split():
    with pytest.raises(DataError, match="at least two"):
        split_prompts([prompt("p")] * 5, 10, 5, seed=0)


def test_figures_tell_length_from_label():
    drawn = Drawn([candidate(number) for number in range(10)])
    figures = pair_figures(drawn, drawn, None, seed=0)
    assert figures["mean_length_difference"] == 1.0
    assert figures["longer_preferred_share"] == 1.0
    assert figures["ceiling"] == figures["expected_ceiling"] == 1.0
    assert figures["identical_share"] == 0.0
