"""Every loss is that of its paper at known log-ratios, by beta and label smoothing; nothing else is accepted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.data.pairs import answer_pairs
from pipeline.data.rows import PlacedRow
from pipeline.models.loading import load_model, load_tokenizer
from pipeline.models.log_probs import answer_log_probs
from pipeline.stages.dpo.config import SMOOTHED, Config
from pipeline.stages.dpo.trainer import pair_trainer
from pipeline.training.choices import Choices
from tests.unit.stages.dpo.test_stage import pair
from tests.unit.stages.tiny import make_context, save_tiny_model

CHOSEN, REJECTED, EPSILON = 0.7, -0.4, 0.2
"""Log-ratios of the two answers, and the share of wrong labels."""


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def nll(x):
    return -math.log(sigmoid(x))


def losses(b, tokens):
    """By hand, from log-ratios, beta and the answers' tokens."""
    c, r, d, e = CHOSEN, REJECTED, CHOSEN - REJECTED, EPSILON
    per_token = c / tokens[0] - r / tokens[1]
    return {
        "sigmoid": nll(b * d),
        "sigmoid_norm": nll(b * per_token),
        "hinge": max(0.0, 1 - b * d),
        "ipo": (per_token - 1 / (2 * b)) ** 2,
        "robust": ((1 - e) * nll(b * d) - e * nll(-b * d)) / (1 - 2 * e),
        "exo_pair": sigmoid(b * d) * (-nll(b * d) - math.log(1 - e)) + sigmoid(-b * d) * (-nll(-b * d) - math.log(e)),
        "nca_pair": nll(b * c) + 0.5 * nll(-b * c) + 0.5 * nll(-b * r),
        "bco_pair": nll(b * c) + nll(-b * r),
        "sppo_hard": (c - 0.5 / b) ** 2 + (r + 0.5 / b) ** 2,
        "apo_zero": 1 - sigmoid(b * c) + sigmoid(b * r),
        "apo_down": sigmoid(b * c) + 1 - sigmoid(b * d),
        "discopop": nll(b * d) * (1 - sigmoid(b * d / 0.05)) + math.exp(-b * d) * sigmoid(b * d / 0.05),
    }


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    save_tiny_model(folder)
    tokenizer = load_tokenizer(folder)
    rows = [PlacedRow(pair(0), "here")]
    return folder, tokenizer, answer_pairs(tokenizer, rows, 64, "here")


def loss_of(base, tmp_path, **changes):
    folder, tokenizer, pairs = base
    model = load_model(folder)
    sides = [answer_log_probs(model, pairs.prompts, side, 0).item() for side in (pairs.chosen, pairs.rejected)]
    reference = np.array([[sides[0] - CHOSEN, sides[1] - REJECTED]])
    config = Config.model_validate({"train": {"steps": 1, "global_batch_size": 1}, **changes})
    choices = Choices("fp32", 1, 1, "sdpa", 1, "cpu", {})
    trainer = pair_trainer(model, tokenizer, pairs, reference, config, 1, choices, make_context(tmp_path / "dpo"))
    return float(trainer.compute_loss(model.eval(), trainer.data_collator([trainer.train_dataset[0]])))


@pytest.mark.parametrize("loss_type", sorted(losses(1, (1, 1))))
def test_the_loss_is_that_of_its_paper(base, tmp_path, loss_type, beta=0.3):
    smoothing = {"label_smoothing": EPSILON} if loss_type in SMOOTHED else {}
    expected = losses(beta, [len(side[0]) for side in (base[2].chosen, base[2].rejected)])[loss_type]
    assert loss_of(base, tmp_path, loss_type=loss_type, beta=beta, **smoothing) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss_type", ["aot", "sft", "orpo"])
def test_a_loss_that_is_not_of_pairs_is_refused(loss_type):
    """trl's `aot` sorts within a micro-batch and its `sft` averages over one: neither is the same for any number."""
    with pytest.raises(ValidationError, match="loss_type"):
        Config.model_validate({"loss_type": loss_type})
