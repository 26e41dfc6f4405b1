from __future__ import annotations

import pytest

from pipeline.core.errors import DataError
from pipeline.core.references import Resolved
from pipeline.data.chat import CHAT_TEMPLATE
from pipeline.data.supervised import lessons_of, prompt_of, split_conversations, split_rows, spread
from tests.unit.models.tiny import tiny_tokenizer
from tests.unit.stages.tiny import write_jsonl

ROW = {
    "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "bc"},
        {"role": "user", "content": "d"},
        {"role": "assistant", "content": "<|end|>"},
    ]
}


def lessons(rows, tokenizer=None, **options):
    options = {"loss_on": "assistant", "context_length": 64, "address": "x.jsonl", **options}
    return lessons_of(tokenizer or tiny_tokenizer(), rows, **options)


def test_loss_is_borne_by_the_assistants_words_and_their_end_alone():
    made, tokenizer = lessons([ROW]), tiny_tokenizer()
    bearing = [label for label in made.labels[0] if label != -100]
    assert tokenizer.decode(bearing) == " bc<|end|> <|end|><|end|>"
    assert bearing.count(tokenizer.eos_token_id) == 2  # the one that is text stays text
    assert made.loss_tokens == len(bearing)


def test_loss_on_all_leaves_out_the_first_token_alone():
    made = lessons([ROW], loss_on="all")
    assert made.labels[0][0] == -100 and made.labels[0][1:] == made.input_ids[0][1:]


def test_an_empty_mask_is_refused_with_its_place():
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT_TEMPLATE.replace("{{ ' ' + message['content'] + '<|end|>' }}", "")
    with pytest.raises(DataError, match=r"x\.jsonl:row 1: no token bears loss"):
        lessons([ROW], tokenizer)


def test_a_row_longer_than_the_context_is_refused_with_its_place():
    with pytest.raises(DataError, match=r"x\.jsonl:row 2: .* tokens, the model's context is 16"):
        lessons([{"messages": ROW["messages"][:2]}, ROW], context_length=16)


def test_a_fraction_is_held_out_the_same_each_time():
    rows = [{"n": number} for number in range(50)]
    train, held_out = split_rows(rows, 0.1, 3, "x.jsonl")
    assert len(held_out) == 5 and sorted(row["n"] for row in train + held_out) == list(range(50))
    assert (train, held_out) == split_rows(rows, 0.1, 3, "x.jsonl")


def test_nothing_left_to_train_on_is_an_error(tmp_path):
    source = write_jsonl(tmp_path / "chat.jsonl", [ROW] * 4)
    said = r"chat\.jsonl: validation: 0\.9 of 4 rows leaves none to train on; lower it, or bring more data"
    with pytest.raises(DataError, match=said):
        split_conversations(source, 0.9, seed=0)


def test_a_builtins_test_split_is_held_out_when_nothing_is_said():
    source = Resolved("builtin:valley-requests", "builtin", "", name="valley-requests")
    train, held_out = split_conversations(source, None, seed=0)
    assert (len(train), len(held_out)) == (6000, 500)


def test_a_files_small_fraction_is_held_out_when_nothing_is_said(tmp_path):
    source = write_jsonl(tmp_path / "chat.jsonl", [ROW] * 100)
    assert [len(rows) for rows in split_conversations(source, None, seed=0)] == [98, 2]
    assert [len(rows) for rows in split_conversations(source, 0.0, seed=0)] == [100, 0]
    assert [len(rows) for rows in split_conversations(source, source, seed=0)] == [100, 100]


def test_the_prompt_is_what_comes_before_the_last_answer():
    assert prompt_of(ROW) == ROW["messages"][:3]


def test_spread_rows_are_evenly_taken():
    assert spread([{"n": n} for n in range(10)], 3) == [{"n": 0}, {"n": 3}, {"n": 6}]
