"""What holds for every kind of tokenizer, and what each promises of its own."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from transformers import AutoTokenizer

from pipeline.artifacts import Tokenizer
from pipeline.core.artifact import write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Inputs
from pipeline.data.chat import CHAT_TEMPLATE, conversation_ids, response_text
from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.export.patterns import pattern_name
from pipeline.models.encoding import Encoder
from pipeline.models.word_patterns import PATTERNS
from pipeline.stages.tokenizer.algorithms import ALGORITHMS
from pipeline.stages.tokenizer.checks import check
from pipeline.stages.tokenizer.config import BY_PATTERN, LEAST, Config
from pipeline.stages.tokenizer.lattices import Lattices
from pipeline.stages.tokenizer.measures import NASTY_TEXTS, encode, round_trip_share
from pipeline.stages.tokenizer.sampling import Sample, sample_texts
from pipeline.stages.tokenizer.stage import run
from tests.unit.stages.tiny import make_context
from tests.unit.stages.tokenizer.test_tokenizer import TEXTS, made, source

ROWS: list[dict[str, Any]] = [{"text": f"{text} <|end|> naïve 1234."} for text in TEXTS] + [
    {"text": "Der Müller mahlt <|user|> den Roggen.", "language": "de", "source": "mill"}
] * 40
SAMPLE = Sample([row["text"] for row in ROWS], [], 1)
EXACT = ("byte_bpe", "bpe", "unigram")
TALK = [{"role": "user", "content": "grinds <|end|> it"}, {"role": "assistant", "content": "The miller"}]


def settings_of(algorithm: str) -> dict[str, Any]:
    return {"algorithm": algorithm} | (
        {} if algorithm == "characters" else {"vocab_size": 50 if algorithm == "words" else 400}
    )


@pytest.fixture(scope="module", params=ALGORITHMS)
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any]:
    folder = tmp_path_factory.mktemp(request.param)
    output, outcome = made(folder, source(folder / "a.jsonl", ROWS), **settings_of(request.param))
    return request.param, output, outcome


def test_it_opens_in_plain_transformers_with_our_tokens_and_template(finished):
    name, output, outcome = finished
    assert json.loads((output / "tokenizer_config.json").read_text())["tokenizer_class"] == "TokenizersBackend"
    tokenizer = AutoTokenizer.from_pretrained(output)
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(7))
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.chat_template == CHAT_TEMPLATE
    assert len(tokenizer) == outcome.metrics["vocab_size"]
    assert len(tokenizer) <= (400 if name != "characters" else 80)
    assert outcome.metrics["pre_tokenizer"] == ("qwen2" if name in BY_PATTERN else None)


def test_text_never_becomes_a_special_token(finished):
    """Not even where it was learned from texts that spell one."""
    tokenizer = AutoTokenizer.from_pretrained(finished[1])
    special = set(range(len(SPECIAL_TOKENS)))
    texts = [*SPECIAL_TOKENS, "".join(SPECIAL_TOKENS), "a <|end|>\n<|user|>b", " <|end|> "]
    assert not special & {token for ids in Encoder(tokenizer).encode(texts) for token in ids.tolist()}
    ids, mask = conversation_ids(tokenizer, TALK)
    assert [token for token in ids if token in special] == [1, 4, 2, 5, 2]
    answer = [token for token, bears in zip(ids, mask, strict=True) if bears]
    assert response_text(tokenizer, answer) == "The miller" or finished[0] == "words"


def test_exact_kinds_give_back_any_text_and_others_say_what_is_lost(finished, tmp_path):
    name, output, outcome = finished
    tokenizer = AutoTokenizer.from_pretrained(output)
    draws = Random(0)
    codes = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    texts = [*NASTY_TEXTS, "<0x41> <0xE2><0x82>", *("".join(map(chr, draws.choices(codes, k=40))) for _ in range(50))]
    assert (round_trip_share(tokenizer, texts, encode(tokenizer, texts)) == 1) == (name in EXACT)
    lost = outcome.metrics["unknown_share"]
    assert (lost == 0) == (name in (*EXACT, "characters")) or name == "wordpiece"
    write_json(output / "manifest.json", {"metrics": dict(outcome.metrics)})
    config = Config(text=["./a.jsonl"], **settings_of(name))
    verdicts = {one.name: one for one in check(config, Inputs(), Tokenizer(output), make_context(tmp_path))}
    assert ("exact round trip" in verdicts) == (name in (*EXACT, "characters"))
    if "tokens that are unknown" in verdicts:
        assert verdicts["tokens that are unknown"].verdict == ("warn" if lost > 0.01 else "pass")
    assert not [one for one in verdicts.values() if one.verdict == "fail"]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_it_is_the_same_each_time_and_in_any_order(name):
    config = Config(text=["./a"], **settings_of(name))
    orders = (SAMPLE.training, SAMPLE.training, SAMPLE.training[::-1])
    made = [ALGORITHMS[name].learn(Sample(texts, [], 1), config).backend_tokenizer.to_str() for texts in orders]
    assert made[0] == made[1] == made[2]


def test_a_sample_is_the_texts_of_the_lowest_hashes_whatever_their_order_and_sizes():
    draws = Random(0)
    texts = [f"{index} " * draws.choice([1, 10, 400]) for index in range(500)]
    assert sample_texts(texts, 20_000) == sample_texts(draws.sample(texts, len(texts)), 20_000)


def test_only_a_byte_level_bpe_goes_into_a_gguf(finished):
    name, output, _ = finished
    backend = AutoTokenizer.from_pretrained(output).backend_tokenizer
    if name == "byte_bpe":
        assert pattern_name(backend) == "qwen2"
        return
    with pytest.raises(StageError, match="a GGUF of ours needs a byte-level BPE; this tokenizer"):
        pattern_name(backend)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_pattern_of_the_recipe_is_that_of_the_artifact_and_of_a_gguf(tmp_path, pattern):
    output, outcome = made(tmp_path, source(tmp_path / "a.jsonl", ROWS), vocab_size=300, pre_tokenizer=pattern)
    assert outcome.metrics["pre_tokenizer"] == pattern
    assert pattern_name(AutoTokenizer.from_pretrained(output).backend_tokenizer) == pattern


def aside(row: dict[str, Any]) -> bool:
    """Whether a text is one of those that are measured on."""
    return bool(sample_texts([row["text"], *(f"x{n}" for n in range(50))], 10**6).held_out.count(row["text"]))


def test_the_report_tells_of_sources_languages_and_cuts(tmp_path):
    other, _ = made(tmp_path / "other", source(tmp_path / "b.jsonl", ROWS), algorithm="characters")
    context = make_context(tmp_path / "tokenizer")
    config = Config(text=["./a.jsonl"], vocab_size=400)
    german = next(
        row for row in ({**ROWS[-1], "text": f"Am Fluss stehen {n} Mühlen."} for n in range(10**4)) if aside(row)
    )
    few = [*ROWS[:300], german]
    inputs = Inputs(text=[source(tmp_path / "a.jsonl", few)], adopt=None, compare=[Tokenizer(other, "f", "other")])
    run(config, inputs, context)
    found = json.loads((context.output / "tokenizer_report.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(context.output)
    by_source = {row["source"]: row for row in found["sources"]}
    for row in by_source.values():
        assert row["compared"]["other"] == pytest.approx(row["bytes"] / row["characters"])
        assert row["bytes_per_token"] >= row["compared"]["other"]
    assert all("".join(cut["tokens"]) == cut["text"] for cut in found["splits"]) and found["splits"]
    assert found["unused_tokens"] >= len(found["unused_examples"]) > 0
    words = [f" {word}" for word in german["text"].split()]
    per_word = sum(map(len, encode(tokenizer, words))) / len(words)
    assert found["languages"] == [{"language": "de", "texts": 1, "tokens_per_word": per_word}]
    assert set(by_source) == {"mill", "./a.jsonl"}


def segmentations(word: str, pieces: dict[str, float]) -> list[list[str]]:
    cuts = itertools.product([False, True], repeat=len(word) - 1)
    found = []
    for cut in cuts:
        places = [0, *(place + 1 for place, is_cut in enumerate(cut) if is_cut), len(word)]
        parts = [word[start:end] for start, end in itertools.pairwise(places)]
        if all(part in pieces for part in parts):
            found.append(parts)
    return found


def test_lattices_sum_over_every_way_to_write_a_word():
    pieces = {piece: -0.3 * index - 1 for index, piece in enumerate(["a", "ab", "abc", "b", "bc", "c", "ca"])}
    words, counts = ["abcab", "c", "bca", "cabcabc"], np.array([3.0, 1.0, 2.0, 5.0])
    scores = np.array(list(pieces.values()))
    lattices = Lattices(words, list(pieces))
    expected = dict.fromkeys(pieces, 0.0)
    for word, count, best in zip(words, counts, lattices.best_scores(scores), strict=True):
        ways = segmentations(word, pieces)
        weights = [math.exp(sum(pieces[part] for part in way)) for way in ways]
        assert best == pytest.approx(math.log(max(weights)))
        for way, weight in zip(ways, weights, strict=True):
            for part in way:
                expected[part] += count * weight / sum(weights)
    assert lattices.expected_counts(scores, counts).tolist() == pytest.approx(list(expected.values()))
    kept = np.array([0, 1, 3, 5])
    fewer = Lattices(words, [list(pieces)[place] for place in kept])
    again = lattices.of_pieces(kept).expected_counts(scores[kept], counts)
    assert again.tolist() == pytest.approx(fewer.expected_counts(scores[kept], counts).tolist())


@pytest.mark.parametrize("name", LEAST)
def test_a_vocabulary_below_what_a_kind_needs_is_refused_and_the_least_works(name, tmp_path):
    least, _ = LEAST[name]
    with pytest.raises(ValidationError, match=f"{least - 1} is too small: .* need {least} or more"):
        Config(text=["./a"], algorithm=name, vocab_size=least - 1)
    _, outcome = made(tmp_path, source(tmp_path / "a.jsonl", ROWS[:20]), algorithm=name, vocab_size=least)
    assert outcome.metrics["vocab_size"] <= least
    assert Config(text=["./a"], algorithm=name).vocab_size == 8192


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"text": ["./a"], "algorithm": "wordpiece", "pre_tokenizer": "gpt-2"},
            "wordpiece cuts text in a way of its own",
        ),
        ({"text": ["./a"], "algorithm": "bpe", "pre_tokenizer": "gpt2"}, "gpt-2"),
        ({}, "nothing to learn from"),
        ({"adopt": "./t", "vocab_size": 500}, "an adopted tokenizer is taken as it is: leave it out"),
        ({"adopt": "./t", "algorithm": "bpe"}, "an adopted tokenizer is taken as it is: leave it out"),
        ({"text": ["./a"], "template": "chatml"}, "belongs to `adopt`"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        Config(**settings)
