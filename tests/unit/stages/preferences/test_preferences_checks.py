from __future__ import annotations

import random
from collections import Counter

import pytest

from pipeline.stages.preferences.checks import agrees_with_itself, ended, first_preferred, longer_preferred, ties
from pipeline.stages.preferences.pairs import BLOCK, Drawn, hopeless


class By:
    """A judge that scores by a function of the text."""

    def __init__(self, function):
        self.function = function

    def score(self, prompts, completions, **columns):
        return [self.function(text) for text in completions]


def rows():
    texts = [("a" * n, "b" * (n + 3)) for n in range(1, 31)]
    return [
        {"prompt": [], "chosen": [{"content": one}], "rejected": [{"content": other}],
         "chosen_score": float(len(one)), "rejected_score": float(len(other))}
        for one, other in texts
    ]  # fmt: skip


def test_a_judge_that_throws_dice_does_not_agree_with_itself():
    draws = random.Random(0)
    assert agrees_with_itself(By(len), rows()).verdict == "pass"
    assert agrees_with_itself(By(lambda text: draws.random()), rows()).verdict == "fail"
    assert agrees_with_itself(By(lambda text: 1.0), rows()).verdict == "fail"
    assert agrees_with_itself(By(lambda text: len(text) + draws.gauss(0, 10)), rows()).verdict == "warn"


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "pass"), (0.56, "warn"), (0.05, "fail")])
def test_a_favoured_place_is_told_by_how_far_and_how_sure(share, verdict):
    assert first_preferred(share, 1500).verdict == verdict
    assert first_preferred(0.56, 100).verdict == "pass"


def test_length_ties_and_cut_answers_deserve_a_look():
    assert [longer_preferred(share, 1500).verdict for share in (0.6, 0.9, 0.1)] == ["pass", "warn", "warn"]
    assert [ties(share, 1500).verdict for share in (0.2, 0.7)] == ["pass", "warn"]
    assert [ended(share, 3000).verdict for share in (0.95, 0.7, 0.1)] == ["pass", "warn", "fail"]


def test_drawing_stops_where_luck_cannot_be_the_reason():
    def drawn(pairs, dropped):
        return Drawn(pairs=[None] * pairs, dropped=Counter(tied=dropped))  # pyright: ignore

    assert hopeless(drawn(0, BLOCK)) and hopeless(drawn(60, BLOCK))
    assert not hopeless(drawn(BLOCK // 4, BLOCK))
    assert not hopeless(drawn(0, 10))
