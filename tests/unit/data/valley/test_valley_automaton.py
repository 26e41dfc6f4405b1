import math
from random import Random

import pytest

from pipeline.data.valley.automaton import Arc, Automaton


@pytest.fixture
def coin():
    """Says `a` until a fair coin ends it with `b`: 2 log 2 nats."""
    return Automaton(["toss"], lambda state: [Arc("a", 0.5, "toss"), Arc("b", 0.5, None)])


def test_surprisal_is_minus_the_log_of_the_product(coin):
    assert coin.surprisal("toss", ["a", "a", "b"]) == pytest.approx(3 * math.log(2))


@pytest.mark.parametrize("words", [[], ["a"], ["b", "a"], ["c", "b"]])
def test_what_cannot_be_said_has_no_surprisal(coin, words):
    assert coin.surprisal("toss", words) is None


def test_entropy_and_visits_of_a_loop_are_the_geometric_ones(coin):
    assert coin.expected_visits({"toss": 1.0})["toss"] == pytest.approx(2)
    assert coin.entropy({"toss": 1.0}) == pytest.approx(2 * math.log(2))


def test_a_reader_who_forgets_the_state_pays_the_mixture():
    """Two states, each certain of another word: knowing which costs log 2 once, not knowing it costs log 2 again."""
    ways = {
        "start": [Arc("x", 0.5, "left"), Arc("y", 0.5, "right")],
        "left": [Arc("l", 1.0, None)],
        "right": [Arc("r", 1.0, None)],
    }
    automaton = Automaton(["start"], ways.__getitem__)
    assert automaton.entropy({"start": 1.0}) == pytest.approx(math.log(2))
    forgetful = automaton.entropy({"start": 1.0}, lambda state: state == "start")
    assert forgetful == pytest.approx(2 * math.log(2))


def test_samples_are_read_back_with_the_same_surprisal(coin):
    draws = Random("sample")
    for _ in range(50):
        words, nats = coin.sample("toss", draws)
        assert coin.surprisal("toss", words) == nats


def test_probabilities_that_do_not_sum_to_one_are_refused():
    with pytest.raises(AssertionError, match="sum to 1"):
        Automaton(["start"], lambda state: [Arc("a", 0.7, None)])
