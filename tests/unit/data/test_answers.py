from __future__ import annotations

import pytest

from pipeline.core.errors import DataError
from pipeline.data.answers import require_room, sample_answers
from pipeline.data.slices import over_ranks, own_slice
from pipeline.models.loading import load_model, load_tokenizer
from tests.unit.stages.tiny import FakeRank, prompt, save_tiny_model

PROMPTS = [prompt("Write about the mill" + " and the river" * count)["prompt"] for count in (0, 3, 1, 0, 2, 1, 3)]
SETTINGS = {"seed": 3, "temperature": 1.0, "max_new_tokens": 12}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    artifact = save_tiny_model(tmp_path_factory.mktemp("answers") / "model")
    return load_model(artifact.path), load_tokenizer(artifact.path)


def test_answers_do_not_depend_on_batching_or_slicing(tiny):
    whole = sample_answers(*tiny, PROMPTS, **SETTINGS)
    assert sample_answers(*tiny, PROMPTS, **SETTINGS, batch_size=2) == whole
    part = sample_answers(*tiny, PROMPTS[4:], **SETTINGS, first_index=4)
    assert (part.texts, part.ended, part.token_counts) == (whole.texts[4:], whole.ended[4:], whole.token_counts[4:])
    assert len(set(whole.texts)) == len(PROMPTS)  # also for the prompt that comes twice


def test_temperature_zero_takes_the_likeliest_token_whatever_the_seed(tiny):
    greedy = sample_answers(*tiny, PROMPTS, seed=1, temperature=0.0, max_new_tokens=6)
    assert sample_answers(*tiny, PROMPTS, seed=2, temperature=0.0, max_new_tokens=6) == greedy


def test_counts_are_full_unless_the_answer_ended(tiny):
    answers = sample_answers(*tiny, PROMPTS * 8, **SETTINGS)
    assert all(count == 12 or end for count, end in zip(answers.token_counts, answers.ended, strict=True))


def test_no_prompts_have_no_answers(tiny):
    assert sample_answers(*tiny, [], **SETTINGS).texts == []


def test_a_prompt_beyond_the_context_is_named(tiny):
    with pytest.raises(DataError, match=r"prompt 1: \d+ tokens and an answer of up to 54 do not fit .* 64; shorten"):
        sample_answers(*tiny, [prompt("a")["prompt"], PROMPTS[1]], seed=0, temperature=1.0, max_new_tokens=54)
    require_room([[1] * 4], 64, 60)


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_slices_hold_every_row_once_in_order(world_size):
    parts = [own_slice(FakeRank(rank, world_size), 7) for rank in range(world_size)]
    assert [row for part in parts for row in part] == list(range(7))
    assert [over_ranks(FakeRank(rank, world_size), 7, list) for rank in range(world_size)] == [list(p) for p in parts]
