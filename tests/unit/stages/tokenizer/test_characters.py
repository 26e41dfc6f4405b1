"""A character tokenizer: one token for each character of the text, and a mark for every other."""

from __future__ import annotations

import typing
from pathlib import Path

import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer, TokenizersBackend

from pipeline.artifacts import Tokenizer
from pipeline.core.artifact import write_json
from pipeline.core.stage import Inputs
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.checks import check
from pipeline.stages.tokenizer.config import Config
from pipeline.stages.tokenizer.dress import UNKNOWN_TOKEN
from pipeline.stages.tokenizer.measures import encode
from tests.unit.stages.tiny import make_context
from tests.unit.stages.tokenizer.test_tokenizer import made, source

TEXT = "First Citizen:\nBefore we proceed, hear me.\n\n日本 e\u0301 <|end|>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path, source(tmp_path / "a.jsonl", [{"text": TEXT}]), algorithm="characters")[0]


def opened(folder: Path) -> TokenizersBackend:
    return AutoTokenizer.from_pretrained(folder)


def test_the_table_has_the_algorithms_that_a_recipe_may_name():
    assert set(ALGORITHMS) == set(typing.get_args(Config.model_fields["algorithm"].annotation))


def test_each_character_of_the_text_is_one_token_and_there_are_no_others(folder):
    tokenizer = opened(folder)
    (ids,) = encode(tokenizer, [TEXT])
    assert tokenizer.convert_ids_to_tokens(ids) == list(TEXT)
    assert tokenizer.decode(ids) == TEXT
    assert len(tokenizer) == len(SPECIAL_TOKENS) + 1 + len(set(TEXT))
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(len(SPECIAL_TOKENS)))


def test_each_unknown_character_is_told_by_one_mark(folder):
    tokenizer = opened(folder)
    (ids,) = encode(tokenizer, ["we Zq\u0302\U0001f600 me"])
    assert ids.count(tokenizer.unk_token_id) == 4
    assert tokenizer.decode(ids) == f"we {UNKNOWN_TOKEN * 4} me"


def test_a_character_of_a_text_that_was_set_aside_is_known_too(tmp_path):
    texts = [f"word {number}" for number in range(300)]
    folder, outcome = made(
        tmp_path, source(tmp_path / "a.jsonl", [{"text": text} for text in texts]), algorithm="characters"
    )
    assert outcome.metrics["held_out_texts"] > 0
    assert outcome.metrics["round_trip"] == 1
    tokenizer = opened(folder)
    assert not [text for text in texts if tokenizer.unk_token_id in encode(tokenizer, [text])[0]]


def test_checks_pass_on_a_text_that_was_read_and_tell_of_one_that_was_not(tmp_path):
    rows = [{"text": f"word {number}"} for number in range(300)]
    for sample, expected in ((2_000_000, "pass"), (500, "warn")):
        settings = {"algorithm": "characters", "sample": sample}
        folder, outcome = made(tmp_path / str(sample), source(tmp_path / "a.jsonl", rows), **settings)
        write_json(folder / "manifest.json", {"metrics": dict(outcome.metrics)})
        config = Config(text=["./a.jsonl"], **settings)
        found = check(config, Inputs(), Tokenizer(folder), make_context(tmp_path / "x"))
        verdicts = {one.name: one.verdict for one in found}
        assert verdicts.pop("bytes not looked through") == expected
        assert set(verdicts.values()) == {"pass"}


def test_a_vocabulary_cannot_be_asked_for():
    with pytest.raises(ValidationError, match="as many tokens as the text has characters"):
        Config(text=["./a"], algorithm="characters", vocab_size=512)
    assert Config(text=["./a"], algorithm="characters").vocab_size is None
