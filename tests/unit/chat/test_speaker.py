from __future__ import annotations

import json
import shutil

import pytest
import torch

from pipeline.chat.speaker import Sampling, open_speaker
from pipeline.chat.subject import Subject
from pipeline.core.errors import StageError
from pipeline.data.answers import sample_answers
from pipeline.data.chat import response_text
from tests.unit.chat.speakers import saying, tiny_speaker

HARD = " né, 中文 and 👩‍👩‍👧 of ∑ two"


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    return tiny_speaker(tmp_path_factory.mktemp("chat") / "model")


@pytest.fixture(scope="module")
def ids(speaker):
    """A text most of whose characters are several tokens each."""
    return speaker.tokenizer.encode(HARD, add_special_tokens=False)


def test_the_pieces_of_an_answer_are_its_text_and_no_piece_cuts_a_character(speaker, ids):
    answer = saying(speaker, [*ids, speaker.end_ids[0]])
    pieces = list(answer)
    assert "".join(pieces) == answer.text == response_text(speaker.tokenizer, ids) == HARD[1:]
    assert "\ufffd" not in answer.text
    assert len(ids) > len(HARD)
    assert pieces[1:3] == ["", "é"] or "é" in pieces


def test_an_answer_that_stops_inside_a_character_shows_that_something_is_missing(speaker, ids):
    euro = speaker.tokenizer.encode(" €", add_special_tokens=False)
    assert "".join(saying(speaker, euro[:-1])) == "\ufffd"


def test_special_tokens_are_not_shown_and_the_end_token_ends(speaker, ids):
    user, end = speaker.tokenizer.convert_tokens_to_ids("<|user|>"), speaker.end_ids[0]
    answer = saying(speaker, [user, *ids, end, *ids])
    assert "".join(answer) == HARD[1:]
    assert answer.ended
    assert answer.tokens == len(ids) + 2


def test_answers_are_those_of_the_stages_sampling(speaker):
    prompts = [[{"role": "user", "content": text}] for text in ("the mill", "the river and the rye")]
    whole = sample_answers(speaker.model, speaker.tokenizer, prompts, seed=5, temperature=1.0, max_new_tokens=20)
    for index, prompt in enumerate(prompts):
        answer = speaker.answer(speaker.prompt(prompt), 5, index, Sampling(20))
        assert "".join(answer) == whole.texts[index]
        assert answer.ended == whole.ended[index]
        assert answer.tokens == whole.token_counts[index]


def test_what_continues_text_reads_it_as_a_document_and_keeps_its_first_space(tmp_path):
    speaker = tiny_speaker(tmp_path / "base", completes=True)
    ids = speaker.prompt([{"role": "system", "content": "no"}, {"role": "user", "content": "the <|end|> mill"}])
    assert ids[0] == speaker.tokenizer.bos_token_id
    assert speaker.tokenizer.eos_token_id not in ids
    assert speaker.tokenizer.decode(ids[1:]) == "the <|end|> mill"
    assert "".join(saying(speaker, speaker.tokenizer.encode(" mill", add_special_tokens=False))) == " mill"


def test_all_end_tokens_of_the_generation_settings_end_an_answer(tmp_path):
    speaker = tiny_speaker(tmp_path / "model")
    assert set(speaker.end_ids) == {2}
    speaker.model.generation_config.eos_token_id = [7, 9]
    assert set(speaker.end_ids) == {2, 7, 9}
    speaker.tokenizer.eos_token = None
    assert set(speaker.end_ids) == {7, 9}
    speaker.model.generation_config.eos_token_id = None
    with pytest.raises(StageError, match="no end token"):
        _ = speaker.end_ids


def test_a_template_that_refuses_is_a_users_error(tmp_path):
    speaker = tiny_speaker(tmp_path / "model")
    speaker.tokenizer.chat_template = "{{ raise_exception('no system text here') }}"
    with pytest.raises(StageError, match="refuses a conversation of the roles system: no system text here"):
        speaker.prompt([{"role": "system", "content": "x"}])


def test_a_folder_without_chat_template_continues_text(tmp_path):
    tiny_speaker(tmp_path / "model")
    (tmp_path / "model/chat_template.jinja").unlink()
    assert not open_speaker(Subject("model", tmp_path / "model")).chats


def test_code_of_a_repository_runs_only_where_it_is_trusted(tmp_path):
    ours = tiny_speaker(tmp_path / "ours")
    foreign = tmp_path / "foreign"
    shutil.copytree(tmp_path / "ours", foreign)
    kind = json.loads((foreign / "config.json").read_text())["model_type"]
    for name in ("config.json", "configuration.py"):
        file = foreign / name
        file.write_text(file.read_text().replace(kind, "somebodys_model"))
    with pytest.raises(StageError, match="'somebodys_model' is not known"):
        open_speaker(Subject("foreign", foreign))
    theirs = open_speaker(Subject("foreign", foreign, remote_code=True))
    assert type(theirs.model).__module__ != type(ours.model).__module__
    tokens = torch.tensor([[1, 4, 60, 61]])
    torch.testing.assert_close(theirs.model(tokens).logits, ours.model(tokens).logits)
