from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.stages.pretrain.baselines import NGrams, gzip_bits
from pipeline.stages.pretrain.checks import beats_bigram, beats_unigram
from pipeline.stages.pretrain.evaluation import floor_figures
from tests.unit.stages.pretrain.test_packing import store_of


def test_a_unigram_model_reaches_the_entropy_of_independent_tokens():
    draws = np.random.default_rng(0).integers(3, 7, size=(400, 51))
    grams = NGrams(store_of(draws[:200].tolist()), vocab_size=8)
    nats = grams.unigram_nats(draws[200:].tolist()) / (200 * 50)
    assert nats == pytest.approx(math.log(4), abs=0.01)
    assert grams.bigram_nats(draws[200:].tolist()) / (200 * 50) == pytest.approx(nats, abs=0.01)


def test_a_bigram_model_knows_what_follows_and_not_across_documents():
    grams = NGrams(store_of([[1, 3, 4, 3, 4, 2]] * 100), vocab_size=8)
    assert grams.bigram_nats([[1, 3, 4, 3]]) < grams.unigram_nats([[1, 3, 4, 3]])
    assert 2 * 8 + 1 not in grams.pairs


def test_gzip_of_repetition_is_small():
    assert gzip_bits(["the mill " * 100] * 10) / 9000 < 0.2


def test_the_floor_counts_documents_that_fit_and_are_known():
    documents = [
        {"text": "ab", "surprisal": 3.0},
        {"text": "abc", "surprisal": None},
        {"text": "abcd", "surprisal": 5.0},
    ]
    figures = floor_figures([(4.0, 5), (1.0, 5), (9.0, 30)], documents, context_length=16)
    assert figures["floor_nats_per_char"] == 1.5
    assert figures["excess_nats_per_char"] == 0.5
    assert figures["floor_documents"] == 1


@pytest.mark.parametrize(
    ("bits", "verdicts"),
    [(0.6, ("pass", "pass")), (0.83, ("pass", "warn")), (1.2, ("pass", "fail")), (1.57, ("fail", "fail"))],
)
def test_a_model_that_simpler_ones_beat_fails(bits, verdicts):
    figures = {
        "unigram_bits_per_byte": 1.6,
        "bigram_bits_per_byte": 0.8,
        "bits_per_byte": bits,
        "validation_documents": 9,
    }
    assert (beats_unigram(figures).verdict, beats_bigram(figures).verdict) == verdicts
