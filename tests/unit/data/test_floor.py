from __future__ import annotations

import math

import pytest

from pipeline.data.floor import against_floor, utf8_size
from pipeline.stages.evaluate.perplexity import floor_figures as byte_figures
from pipeline.stages.pretrain.evaluation import floor_figures as character_figures

ROWS = [{"text": "né", "surprisal": 2.0}, {"text": "abcd", "surprisal": 1.0}, {"text": "x", "surprisal": None}]


def test_the_floor_is_the_sum_of_the_known_surprisals_over_the_size_of_their_texts():
    losses = [(3.0, 4), (1.5, 4), (9.0, 4), (9.0, 4)]
    by_character = against_floor(losses, [*ROWS, {"text": "y"}], 16, len)
    by_byte = against_floor(losses, [*ROWS, {"text": "y"}], 16, utf8_size)
    assert (by_character.floor.value, by_byte.floor.value) == (pytest.approx(3 / 6), pytest.approx(3 / 7))
    assert (by_character.loss.value, by_byte.loss.value) == (pytest.approx(4.5 / 6), pytest.approx(4.5 / 7))
    assert (by_character.excess.value, by_character.excess.n) == (pytest.approx(1.5 / 6), 2)


def test_documents_that_do_not_fit_the_context_are_left_out():
    found = against_floor([(3.0, 16), (1.5, 15)], ROWS[:2], 16, len)
    assert (found.excess.value, found.excess.n) == (pytest.approx(0.5 / 4), 1)


def test_nothing_known_has_no_floor():
    assert against_floor([(1.0, 2)], [ROWS[2]], 16, len) is None


def test_excesses_in_proportion_to_their_texts_have_no_error():
    rows = [{"text": "ab" * count, "surprisal": 1.0} for count in (1, 2, 3)]
    found = against_floor([(1.0 + 2 * count, 5) for count in (1, 2, 3)], rows, 16, len)
    assert found.excess.standard_error == pytest.approx(0.0)


def test_pretraining_and_evaluation_state_one_excess_in_their_units():
    """Of ASCII text a character is a byte."""
    rows = [{"text": "abcdef"[:size], "surprisal": float(size)} for size in (2, 3, 5)]
    losses = [(2.5, 3), (3.25, 4), (5.5, 6)]
    pretrain = character_figures(losses, rows, 16)
    bits, excess = byte_figures("model", losses, rows, 16)
    assert excess.estimate.value == pretrain["excess_nats_per_char"] == pytest.approx(1.25 / 10)
    assert excess.estimate.standard_error == pretrain["excess_standard_error"] > 0
    assert bits.baseline == pytest.approx(pretrain["floor_nats_per_char"] / math.log(2))
