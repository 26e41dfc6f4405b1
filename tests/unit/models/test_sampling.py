"""Sampling: the same answers in any batch, from the distribution that the model gives."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from pipeline.models.decoder.positions import POSITION_ENCODINGS
from pipeline.models.sampling import Samples, draw, episode_uniforms, sample
from tests.unit.models.tiny import PAD, tiny_decoder, tiny_rows

ENDS = range(100, 120)
LENGTH = 20


@pytest.fixture(params=sorted(POSITION_ENCODINGS))
def model(request):
    return tiny_decoder(position_encoding=request.param)


@pytest.fixture
def prompts():
    return tiny_rows(64, 1, 12)


def answers(model, prompts, batch_size: int = 64, temperature: float = 1.0, end_ids=ENDS) -> list[Samples]:
    return [
        sample(
            model,
            prompts[start : start + batch_size],
            episode_uniforms(7, range(start, min(start + batch_size, len(prompts))), LENGTH),
            end_ids=end_ids,
            pad_id=PAD,
            max_new_tokens=LENGTH,
            temperature=temperature,
        )
        for start in range(0, len(prompts), batch_size)
    ]


def rows_of(parts: list[Samples]) -> list[list[int]]:
    return [tokens[mask].tolist() for part in parts for tokens, mask in zip(part.tokens, part.mask, strict=True)]


def test_answers_are_the_same_in_any_batch(model, prompts):
    whole = rows_of(answers(model, prompts))
    assert rows_of(answers(model, prompts, batch_size=16)) == whole
    assert rows_of(answers(model, prompts, batch_size=1)) == whole


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_log_probs_are_those_of_a_full_forward(model, prompts, temperature):
    (samples,) = answers(model, prompts, temperature=temperature)
    for row in range(0, 64, 7):
        answer = samples.tokens[row][samples.mask[row]]
        prompt = torch.tensor(prompts[row])
        logits = model(torch.cat([prompt, answer])[None]).logits[0, len(prompt) - 1 : -1]
        expected = (logits / temperature).log_softmax(-1).gather(1, answer[:, None])[:, 0]
        assert_close(samples.log_probs[row][samples.mask[row]], expected.detach(), atol=1e-5, rtol=0)


def test_answers_end_with_the_first_end_token_and_are_padded_after_it(model, prompts):
    (samples,) = answers(model, prompts)
    assert 10 < samples.ended.sum() < 64
    for tokens, mask, log_probs, ended in zip(
        samples.tokens, samples.mask, samples.log_probs, samples.ended, strict=True
    ):
        count = int(mask.sum())
        assert mask[:count].all() and (count == LENGTH or ended)
        assert [token in ENDS for token in tokens[:count].tolist()] == [False] * (count - 1) + [bool(ended)]
        assert (tokens[count:] == PAD).all() and (log_probs[count:] == 0).all() and (log_probs[:count] < 0).all()


def test_ended_rows_leave_the_batch(model, prompts):
    sizes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, kwargs: sizes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    answers(model, prompts, end_ids=range(7, 140))
    hook.remove()
    assert sizes[0] == 64 and sizes == sorted(sizes, reverse=True)
    assert len(sizes) < LENGTH or sizes[-1] <= 4


def test_a_low_temperature_agrees_with_greedy_generation(model):
    prompts = tiny_rows(8, 5, 5)
    (samples,) = answers(model, prompts, temperature=1e-6, end_ids=[2])
    greedy = model.generate(
        torch.tensor(prompts), attention_mask=torch.ones(8, 5).long(), do_sample=False, max_new_tokens=LENGTH,
        eos_token_id=2, pad_token_id=PAD,
    )  # fmt: skip
    assert samples.tokens.tolist() == greedy[:, 5:].tolist()


def test_draws_follow_the_softmax():
    logits = torch.tensor([0.0, 1.0, -2.0, float("-inf"), 2.0])
    uniforms = episode_uniforms(0, [0], 40000)[0]
    tokens, log_probs = draw(logits.expand(40000, -1), uniforms, temperature=0.8)
    probabilities = (logits / 0.8).softmax(-1)
    shares = tokens.bincount(minlength=5) / 40000
    assert (shares - probabilities).abs().max() < 0.01  # four standard errors
    assert shares[3] == 0
    assert_close(log_probs.exp(), probabilities[tokens])


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_possible_tokens(uniform):
    logits = torch.full((1, 6), float("-inf"))
    logits[0, 2:4] = torch.tensor([0.3, 0.1])
    token, _ = draw(logits, torch.tensor([uniform], dtype=torch.float64), temperature=1.0)
    assert token.item() == (2 if uniform == 0 else 3)


def test_uniforms_depend_on_seed_and_index_alone():
    uniforms = episode_uniforms(3, [5, 6], 10)
    assert uniforms.dtype == torch.float64 and ((uniforms >= 0) & (uniforms < 1)).all()
    assert torch.equal(uniforms[1], episode_uniforms(3, [9, 6], 10)[1])
    assert torch.equal(uniforms, episode_uniforms(3, [5, 6], 30)[:, :10])
    assert not torch.equal(uniforms, episode_uniforms(4, [5, 6], 10))


def test_sampling_leaves_the_model_in_its_mode(model, prompts):
    model.train()
    answers(model, prompts[:2])
    assert model.training
