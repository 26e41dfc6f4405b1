"""Encoding by words gives the library's own ids, in little memory, and text stays text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import TokenizersBackend

from pipeline.data.special_tokens import SPECIAL_TOKENS
from pipeline.models import encoding
from pipeline.models.encoding import WORDS, Encoder, long_pieces, word_pattern
from pipeline.models.word_patterns import PATTERNS
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.characters import learn_characters

REAL = Path(__file__).read_text() + (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()
ALPHABET = [
    *" \n\t\r\u00a0\u3000\x1c\x85\u200b", "\n\n", "\r\n", "  ", " \n ", *"'\".,!?<>|()_-=#", "'s", "'LL", "'ſ", *"aZé0７²Ⅻ",
    "word", "The", "don't", "naïve", "e\u0301", "=\u0338", "東京", "。", "кот", "ﬁ", "👩‍👧", "\u0e01\u0e34", "123", *SPECIAL_TOKENS,
]  # fmt: skip


def drawn_texts(count: int) -> list[str]:
    draws = Random(0)
    return ["".join(draws.choices(ALPHABET, k=draws.randrange(1, 60))) for _ in range(count)]


def by_the_library(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    return tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]


@pytest.fixture(scope="module", params=[*PATTERNS, "qwen2 composed", "characters", "by space", "one step"])
def tokenizer(request: pytest.FixtureRequest) -> TokenizersBackend:
    texts = [REAL, *drawn_texts(300)]
    if request.param == "characters":
        return learn_characters(texts[:50])
    made = train_byte_pairs(texts, 700, request.param.split()[0] if request.param in PATTERNS else "qwen2")
    backend: Any = made.backend_tokenizer
    if request.param == "qwen2 composed":
        backend.normalizer = normalizers.NFC()
    if request.param == "by space":
        backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), pre_tokenizers.ByteLevel()])
    if request.param == "one step":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def test_ids_are_those_of_the_library(tokenizer):
    assert word_pattern(tokenizer) is not None
    texts = [REAL, "", *drawn_texts(500)]
    encoder = Encoder(tokenizer)
    for _ in range(2):  # the second time from the table
        assert [ids.tolist() for ids in encoder.encode(texts)] == by_the_library(tokenizer, texts)


def kept_by_the_library(pattern: str, text: str) -> str:
    return "".join(piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text))


def test_words_are_cut_where_the_library_sees_the_same_kinds_of_characters():
    """A letter or digit of Python is one of the library's, its white space is Python's, what ends a word is none."""
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert not kept_by_the_library(r"[\p{L}\p{N}]", "".join(filter(str.isalnum, everything)))
    printing = "".join(char for char in everything[:0x3100] if not char.isspace())
    assert kept_by_the_library(r"\s", printing) == printing
    for first, kinds in (("a", r"[^\p{L}\p{M}]"), ("0", r"[^\p{L}\p{N}\p{M}]")):
        ends = [char for char in everything[:0xFFFF] if WORDS.match(f"{first}{char} b").group() == first]  # type: ignore[union-attr]
        assert len(ends) > 60 and not kept_by_the_library(kinds, "".join(ends))


def test_what_is_cut_is_all_of_the_text():
    assert all("".join(WORDS.findall(text)) == text for text in [REAL, *drawn_texts(500)])


def foreign(**parts: Any) -> TokenizersBackend:
    backend = Tokenizer(models.WordLevel({"<u>": 0, "a": 1}, unk_token="<u>"))
    for name, part in parts.items():
        setattr(backend, name, part)
    return TokenizersBackend(tokenizer_object=backend, eos_token="<e>")


def test_a_tokenizer_that_is_not_known_is_asked_for_whole_texts():
    split = pre_tokenizers.Split(Regex(r"\w+ \w+"), "isolated")
    metaspace = pre_tokenizers.Metaspace()
    known = pre_tokenizers.Split(Regex(PATTERNS["qwen2"]), "isolated")
    for parts in (
        {},
        {"pre_tokenizer": split},
        {"pre_tokenizer": metaspace},
        {"pre_tokenizer": known, "normalizer": normalizers.NFKC()},
    ):
        assert word_pattern(foreign(**parts)) is None
    with_plain_token = train_byte_pairs([REAL], 400)
    assert word_pattern(with_plain_token) is WORDS
    with_plain_token.add_tokens(["two words"])
    assert word_pattern(with_plain_token) is None
    (ids,) = Encoder(with_plain_token).encode(["so two words it is"])
    assert with_plain_token.convert_tokens_to_ids("two words") in ids.tolist()


@pytest.mark.parametrize(("pattern", "may"), [(r"\w+|\s+|[^\w\s]+", True), (r"[\s\S]+", False)])
def test_a_long_text_of_an_unknown_tokenizer_is_cut_only_if_that_changes_no_id(monkeypatch, pattern, may):
    trained = Tokenizer(models.BPE())
    words = [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    trained.pre_tokenizer = pre_tokenizers.Sequence(words)  # pyright: ignore[reportAttributeAccessIssue]
    trained.train_from_iterator([REAL], trainers.BpeTrainer(vocab_size=600, show_progress=False))
    tokenizer = TokenizersBackend(tokenizer_object=trained, eos_token="<e>")
    monkeypatch.setattr(encoding, "PIECE", 40)
    assert word_pattern(tokenizer) is None and Encoder(tokenizer)._may_be_cut == may
    assert [ids.tolist() for ids in Encoder(tokenizer).encode([REAL, ""])] == by_the_library(tokenizer, [REAL, ""])


def test_long_pieces_are_all_of_the_text_and_not_long(monkeypatch):
    monkeypatch.setattr(encoding, "PIECE", 200)
    cut = list(long_pieces(REAL))
    assert "".join(cut) == REAL and max(map(len, cut)) < 500
    assert list(long_pieces("x" * 500)) == ["x" * 500]


@pytest.mark.slow
def test_a_17_mb_document_takes_little_memory_beside_its_own():
    """The library takes 2 GB for it."""
    program = """
import json, resource, sys
from random import Random
from pipeline.models.encoding import Encoder
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
draws = Random(0)
words = [f"w{draws.randrange(10**6)}" for _ in range(5000)]
text = "\\n\\n".join(" ".join(draws.choices(words, k=60)) + "." for _ in range(36_000))
encoder = Encoder(train_byte_pairs([text[:100_000]], 600))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(ids,) = encoder.documents([text])
print(json.dumps([len(text), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))
"""
    length, grown = json.loads(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    )
    assert length > 16_000_000 and grown < 25 * length
