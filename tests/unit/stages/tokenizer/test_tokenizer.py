"""A tokenizer gives back what it took, is the same each time, and never mistakes text for its special tokens."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from pipeline.artifacts import Tokenizer
from pipeline.core.artifact import write_json
from pipeline.core.errors import DataError, PipelineError
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs, Outcome
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.checks import check
from pipeline.stages.tokenizer.config import SMALLEST, Config
from pipeline.stages.tokenizer.measures import NASTY_TEXTS, encode, round_trip_share, unused_tokens
from pipeline.stages.tokenizer.sampling import PIECE_CHARACTERS, pieces, sample_texts
from pipeline.stages.tokenizer.stage import run
from pipeline.stages.tokenizer.texts import texts
from tests.unit.stages.tiny import make_context, write_jsonl

BUNDLE = Path(__file__).parents[5] / "shared/data"
DRAWS = Random(0)
NAMES = ["".join(DRAWS.choices(["bri", "mel", "tor", "san", "kel", "da", "mo"], k=3)) for _ in range(60)]
TEXTS = [
    f"The miller of {DRAWS.choice(NAMES)} grinds the rye, and {DRAWS.choice(NAMES)}'s is finer." for _ in range(300)
]


def source(path: Path, rows: Sequence[dict[str, Any]]) -> Resolved:
    write_jsonl(path, rows)
    return Resolved(address=f"./{path.name}", scheme="path", fingerprint="", path=path)


def made(folder: Path, *sources: Resolved, **settings: Any) -> tuple[Path, Outcome]:
    context = make_context(folder / "tokenizer")
    config = Config(text=["./a.jsonl"] * len(sources), **settings)
    return context.output, run(config, Inputs(text=list(sources), adopt=None, compare=[]), context)


@pytest.fixture(scope="module")
def tokenizer():
    return train_byte_pairs(TEXTS, 400)


@pytest.mark.parametrize("text", [*NASTY_TEXTS, "".join(map(chr, range(0x3000))), "\U0001f600" * 50, " ", "\n\n\n"])
def test_any_text_comes_back_as_it_went_in(tokenizer, text):
    assert tokenizer.decode(encode(tokenizer, [text])[0]) == text


def test_random_unicode_comes_back(tokenizer):
    draws = Random(0)
    codes = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    drawn = ["".join(map(chr, draws.choices(codes, k=40))) for _ in range(200)]
    assert round_trip_share(tokenizer, drawn, encode(tokenizer, drawn)) == 1


def test_special_tokens_have_their_places_and_pad_is_not_end(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(7))
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer("plain")["input_ids"] == tokenizer("plain", add_special_tokens=False)["input_ids"]
    assert tokenizer(["long text here", "x"], padding=True)["input_ids"][1][-1] == 0


def test_special_tokens_in_text_are_text(tokenizer):
    ids = encode(tokenizer, ["".join(SPECIAL_TOKENS)])[0]
    assert not set(ids) & set(range(len(SPECIAL_TOKENS)))
    taught = train_byte_pairs([" ".join(SPECIAL_TOKENS)] * 100, 400)
    assert not set(encode(taught, ["".join(SPECIAL_TOKENS)])[0]) & set(range(len(SPECIAL_TOKENS)))


def test_words_after_a_mark_are_the_words_of_running_text(tokenizer):
    running, after_mark = encode(tokenizer, ["So the miller grinds"])[0], encode(tokenizer, [" the miller"])[0]
    assert "".join(map(chr, after_mark)) in "".join(map(chr, running))


def test_words_are_cut_as_qwen2_cuts_them(tokenizer):
    cut = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str
    assert [tokenizer.decode(tokenizer.convert_tokens_to_ids(list(piece))) for piece, _ in cut("It's 123 ok!!\n\n  x")] == [
        "It", "'s", " ", "1", "2", "3", " ok", "!!\n\n", " ", " x",
    ]  # fmt: skip


def test_training_is_the_same_each_time_and_in_any_order(tokenizer):
    shuffled = train_byte_pairs(Random(1).sample(TEXTS, len(TEXTS)), 400)
    assert shuffled.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_a_saved_tokenizer_is_the_same_tokenizer(tmp_path, tokenizer):
    tokenizer.save_pretrained(tmp_path)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert type(opened) is type(tokenizer)
    assert opened.chat_template == tokenizer.chat_template
    assert opened.padding_side == "right"
    assert encode(opened, NASTY_TEXTS) == encode(tokenizer, NASTY_TEXTS)


def test_a_message_is_learned_with_the_space_of_the_template(tmp_path):
    rows = [
        {"text": "running text"},
        {"messages": [{"role": "user", "content": "asks"}, {"role": "assistant", "content": "says"}]},
        {"prompt": "only asks"},
        {"prompt": "asks", "completion": "says"},
    ]
    read = list(texts([source(tmp_path / "a.jsonl", rows)]))
    assert read == ["running text", " asks", " says", " only asks", " asks", " says"]


def test_a_row_without_text_is_named_by_its_place(tmp_path):
    with pytest.raises(DataError, match=r"a.jsonl:2: no column 'text', 'messages' or 'prompt'; the row has html"):
        list(texts([source(tmp_path / "a.jsonl", [{"text": "a"}, {"html": "<p>"}])]))


def test_a_sample_does_not_depend_on_the_order_and_keeps_its_size():
    sample = sample_texts(TEXTS, 5_000)
    assert sample == sample_texts(TEXTS[::-1], 5_000)
    assert 4_500 < sum(map(len, sample.training)) <= 5_000
    assert sample.bytes_read == sum(map(len, TEXTS))
    assert sample.held_out
    assert not set(sample.held_out) & set(sample.training)


def test_a_long_text_is_cut_after_a_line():
    text = "a line of words\n" * 150_000 + "x" * 1_200_000
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert max(map(len, cut)) <= PIECE_CHARACTERS
    assert cut[0].endswith("\n")


def test_unused_tokens_are_merges_that_never_occur(tokenizer):
    used = encode(tokenizer, TEXTS)
    merged = range(SMALLEST, len(tokenizer))
    assert unused_tokens([range(len(tokenizer))], merged) == []
    assert unused_tokens([], merged) == list(merged)
    assert 0 < len(unused_tokens(used, merged)) < len(merged)


def test_the_stage_saves_and_measures_what_its_checks_then_pass(tmp_path):
    text = source(tmp_path / "a.jsonl", [{"text": text} for text in TEXTS])
    output, outcome = made(tmp_path, text, vocab_size=320)
    assert len(AutoTokenizer.from_pretrained(output)) == outcome.metrics["vocab_size"]
    assert outcome.metrics["round_trip"] == 1
    assert outcome.metrics["bytes_per_token"] > 3
    assert outcome.metrics["held_out_texts"] > 0
    write_json(output / "manifest.json", {"metrics": dict(outcome.metrics)})
    config = Config(text=["./a.jsonl"], vocab_size=320)
    verdicts = {c.name: c.verdict for c in check(config, Inputs(), Tokenizer(output), make_context(tmp_path / "x"))}
    # The merges on the way to the few words of this text are most of its merges.
    assert verdicts.pop("unused tokens") in ("pass", "warn")
    assert set(verdicts.values()) == {"pass"}


def test_a_small_text_gives_its_real_size(tmp_path):
    output, outcome = made(tmp_path, source(tmp_path / "a.jsonl", [{"text": "abc abc"}] * 3), vocab_size=5000)
    assert outcome.metrics["vocab_size"] == len(AutoTokenizer.from_pretrained(output)) < 300
    assert outcome.metrics["vocab_size_asked"] == 5000


def test_a_text_named_twice_counts_twice(tmp_path):
    text = source(tmp_path / "a.jsonl", [{"text": text} for text in TEXTS])
    assert len(list(texts([text, text]))) == 2 * len(TEXTS)


def test_a_vocabulary_below_the_bytes_is_refused():
    with pytest.raises(ValidationError, match="100 is too small: 256 bytes and 7 special tokens need 263"):
        Config(text=["./a"], vocab_size=100)
    assert Config(text=["./a"], vocab_size=SMALLEST).vocab_size == SMALLEST
    assert Config(text=["./a"]).vocab_size == 8192


def test_an_empty_text_is_refused(tmp_path):
    for rows in ([], [{"text": "  "}]):
        with pytest.raises(PipelineError):
            made(tmp_path, source(tmp_path / "a.jsonl", rows))


def test_real_text_costs_few_tokens(tmp_path):
    path = BUNDLE / "tinyshakespeare.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there: the open data bundle does not come with the repository")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    _, outcome = made(tmp_path, source(tmp_path / "a.jsonl", rows), vocab_size=2048)
    assert outcome.metrics["round_trip"] == 1
    assert outcome.metrics["bytes_per_token"] > 2.7
