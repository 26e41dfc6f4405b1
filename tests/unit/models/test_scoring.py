"""Reward scores against a plain forward pass."""

from __future__ import annotations

import json

import pytest
import torch
from torch.testing import assert_close

from pipeline.core.errors import PipelineError
from pipeline.data.chat import conversation_ids
from pipeline.models.loading import load_classifier, save_model
from pipeline.models.scoring import load_scorer
from tests.unit.models.tiny import tiny_decoder, tiny_rows, tiny_tokenizer

MEAN, STD = 0.4, 2.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reward model, saved as the reward stage saves it."""
    trunk, folder = tmp_path_factory.mktemp("trunk"), tmp_path_factory.mktemp("reward")
    save_model(tiny_decoder(), tiny_tokenizer(), trunk)
    save_model(load_classifier(trunk, "model", seed=2), tiny_tokenizer(), folder)
    (folder / "reward.json").write_text(json.dumps({"mean": MEAN, "std": STD}))
    return folder


@torch.no_grad()
def plain_score(folder, ids: list[int]) -> float:
    return (load_classifier(folder)(torch.tensor([ids])).logits.item() - MEAN) / STD


def test_scores_are_normalised_and_do_not_depend_on_the_batch(folder):
    rows = tiny_rows(12, 1, 40)
    expected = torch.tensor([plain_score(folder, row) for row in rows])
    scorer = load_scorer(folder)
    assert_close(scorer.score_ids(rows), expected, atol=1e-5, rtol=0)
    assert scorer.score_ids([]).shape == (0,)


def test_texts_are_scored_as_the_conversations_they_make(folder):
    prompt = [{"role": "user", "content": "say <|end|> now"}]
    ids, _ = conversation_ids(tiny_tokenizer(), [*prompt, {"role": "assistant", "content": "no <|user|>"}])
    assert_close(load_scorer(folder).score([prompt], ["no <|user|>"]), [plain_score(folder, ids)], atol=1e-5, rtol=0)


def test_scoring_leaves_the_model_in_its_mode(folder):
    scorer = load_scorer(folder)
    scorer.model.train()
    scorer.score_ids([[5, 6]])
    assert scorer.model.training


def test_scores_without_statistics_stay_raw(folder, tmp_path):
    save_model(load_classifier(folder), tiny_tokenizer(), tmp_path)
    raw, normalised = (load_scorer(place).score_ids([[7, 8, 9]]) for place in (tmp_path, folder))
    assert_close(raw, normalised * STD + MEAN)


def test_a_row_beyond_the_context_is_refused(folder):
    with pytest.raises(PipelineError, match="row 1 has 65 tokens"):
        load_scorer(folder).score_ids([[7], [7] * 65])
