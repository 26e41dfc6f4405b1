from __future__ import annotations

import math

import pytest
import torch

from pipeline.chat.streaming import choose, nucleus, stream
from pipeline.models.sampling import episode_uniforms, sample
from tests.unit.chat.speakers import tiny_speaker

PROMPT = [1, 4, 60, 61, 62, 2, 5]


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return tiny_speaker(tmp_path_factory.mktemp("chat") / "model")


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_streamed_tokens_are_those_of_batched_sampling(speaker, temperature):
    for seed in range(4):
        uniforms = episode_uniforms(seed, [3], 40)
        options = {"end_ids": speaker.end_ids, "temperature": temperature}
        batched = sample(speaker.model, [PROMPT], uniforms, pad_id=0, max_new_tokens=40, **options)
        streamed = list(stream(speaker.model, PROMPT, uniforms[0], **options))
        assert streamed == batched.tokens[0][batched.mask[0]].tolist()


def test_cached_decoding_equals_the_full_forward(speaker):
    answer = list(stream(speaker.model, PROMPT, torch.zeros(30), end_ids=[], temperature=0))
    for length in range(len(answer)):
        logits = speaker.model(torch.tensor([PROMPT + answer[:length]]), use_cache=False).logits[0, -1]
        assert answer[length] == int(logits.argmax())


def test_an_answer_stops_after_its_end_token(speaker):
    first = next(iter(stream(speaker.model, PROMPT, torch.zeros(5), end_ids=[], temperature=0)))
    assert list(stream(speaker.model, PROMPT, torch.zeros(5), end_ids=[first], temperature=0)) == [first]


def test_the_nucleus_is_the_fewest_tokens_that_have_the_probability():
    logits = torch.tensor([[0.1, 0.4, 0.2, 0.3]]).log()
    for top_p, kept in (
        (0.0, [1]),
        (0.39, [1]),
        (0.41, [1, 3]),
        (0.69, [1, 3]),
        (0.71, [1, 2, 3]),
        (0.95, [0, 1, 2, 3]),
    ):
        assert nucleus(logits, 1.0, top_p)[0].isfinite().nonzero()[:, 0].tolist() == kept


def test_top_p_never_draws_from_outside_and_keeps_the_proportions_inside():
    logits = torch.tensor([[0.1, 0.4, 0.2, 0.3]]).log()
    drawn = [choose(logits, torch.tensor([u / 700], dtype=torch.float64), 1.0, 0.6) for u in range(700)]
    assert set(drawn) == {1, 3}
    assert math.isclose(drawn.count(1) / 700, 4 / 7, abs_tol=0.01)
