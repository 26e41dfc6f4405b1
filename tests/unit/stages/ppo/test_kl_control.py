from __future__ import annotations

import pytest

from pipeline.stages.ppo.kl_control import adapted


def test_on_target_the_coefficient_stays():
    assert adapted(0.2, 6.0, 6.0, 64, 10_000) == 0.2


@pytest.mark.parametrize(("kl", "factor"), [(6.6, 1 + 0.1 * 64 / 640), (60.0, 1.02), (5.7, 0.995), (0.0, 0.98)])
def test_it_moves_by_the_error_counted_up_to_a_fifth(kl, factor):
    assert adapted(0.5, kl, 6.0, 64, 640) == pytest.approx(0.5 * factor)
