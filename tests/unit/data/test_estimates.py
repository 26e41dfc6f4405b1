from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.estimates import matched_difference, mean, ratio, wins


def test_errors_are_those_that_repeated_samples_show():
    generator = np.random.default_rng(0)
    sizes = generator.integers(50, 200, (2000, 40))
    nats = sizes * generator.normal(0.7, 0.1, sizes.shape)
    estimates = [ratio(top.tolist(), bottom.tolist()) for top, bottom in zip(nats, sizes, strict=True)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([estimate.standard_error for estimate in estimates]) == pytest.approx(spread, rel=0.05)
    means = [mean(row.tolist()) for row in nats]
    assert np.mean([one.standard_error for one in means]) == pytest.approx(np.std([m.value for m in means]), rel=0.05)


def test_one_value_has_no_error():
    assert mean([0.5]).standard_error is None
    assert ratio([1.0], [2.0]).standard_error is None


def test_ties_count_half():
    assert wins([1.0, 0.0, 2.0, 2.0], [0.0, 1.0, 2.0, 2.0]).value == 0.5
    assert wins([1.0, 1.0], [0.0, 1.0]).value == 0.75


def test_a_gain_that_is_all_length_vanishes_at_matched_length():
    generator = np.random.default_rng(1)
    long, short = generator.integers(20, 40, 500), generator.integers(10, 30, 500)
    noise = generator.normal(0, 0.1, (2, 500))
    gain = matched_difference(0.1 * long + noise[0], long.tolist(), 0.1 * short + noise[1], short.tolist(), width=1)
    assert gain is not None and gain.standard_error is not None
    assert abs(gain.value) < 4 * gain.standard_error < 0.1
    plain = mean((0.1 * long).tolist()).value - mean((0.1 * short).tolist()).value
    assert plain == pytest.approx(1.0, abs=0.15)


def test_a_true_gain_is_found_with_an_honest_error():
    generator = np.random.default_rng(2)
    values = []
    for _ in range(400):
        lengths = generator.integers(10, 30, (2, 60))
        scores = generator.normal(0, 1, (2, 60)) + 0.1 * lengths
        values.append(matched_difference(scores[0] + 0.5, lengths[0].tolist(), scores[1], lengths[1].tolist(), width=2))
    assert np.mean([gain.value for gain in values]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([gain.standard_error for gain in values]) == pytest.approx(
        np.std([gain.value for gain in values]), rel=0.15
    )


def test_lengths_that_never_meet_give_no_gain():
    assert matched_difference([1.0] * 5, [10] * 5, [0.0] * 5, [40] * 5) is None
