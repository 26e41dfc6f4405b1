"""Text to token ids, fast and in little memory: a text is cut into words, and the ids of a word are looked up once.

Text never becomes a special token here, whatever it says: the flag for it is set at each call, since the library does
not save it and others change it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from pipeline.models.word_patterns import named, parts_of, pattern_of, settings_of

_MOST_WORDS = 500_000
"""Words that are kept, the first that come: some 80 MB."""
_LONGEST_WORD = 64
PIECE = 1_000_000
"""Characters that the library is given at once: it takes some 120 bytes of memory for each."""

_NO_WORD = r"[\x00-/:-@\[-`{-\x7f\u3000-\u3002\uff01\uff08\uff09\uff0c\uff0e\uff1a\uff1b\uff1f]"
"""Characters that are surely neither letters nor digits."""
_MARK = r"[!-/:-@\[-`{-~]"
WORDS = re.compile(
    rf" ?[A-Za-z]++(?=[\x00-@\[-`{{-\x7f])"  # the usual word, for speed
    rf"|[ \n]?[^\W_]++(?={_NO_WORD})"
    rf"|{_MARK}++(?= )"
    rf"|{_MARK}++\n(?=\S)"
    rf"|(?:[\W_]*+[^\W_]++)+?(?={_NO_WORD})"
    r"|[\s\S]+"
)
"""Cuts at places where each of the named patterns cuts too: behind letters and digits before what is neither, before a
space that follows a mark, and behind a single line end. A word of this pattern is one word of theirs, or several."""
_SPACED = re.compile(r"[ \n\t\r]*[^ \n\t\r]+|[ \n\t\r]+")
"""For tokenizers that cut at white space, whatever else they do."""
_BY_SPACE = ("Whitespace", "WhitespaceSplit", "BertPreTokenizer")
_SAFE = re.compile(r"(?<=[^\W_])(?=[ \n])")
"""Where a long text may be cut for most tokenizers."""
_CROSSING = re.compile(r"[A-Za-z0-9][ \n\u2581\u0120\u010a]")
"""A token that reaches over such a place, as bytes are written as letters and as SentencePiece writes spaces."""
_PROBE = "One two\nthree four  five 6 seven\n\neight's nine, ten"


class Encoder:
    """Encodes texts by a tokenizer, to the very ids that the tokenizer gives."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """The tokenizer must not change afterwards."""
        self._backend: Any = tokenizer.backend_tokenizer  # pyright: ignore[reportAttributeAccessIssue]
        self.dtype = np.dtype(np.uint16 if len(tokenizer) <= 2**16 else np.uint32)
        """Of the ids: the smallest that holds them."""
        end: Any = tokenizer.eos_token_id
        # Where there is no begin token, the end token stands before the text too, as it does between documents.
        begin: Any = end if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        self._begin, self._end = (np.array([token], dtype=self.dtype) for token in (begin, end))
        added: Any = tokenizer.added_tokens_decoder  # pyright: ignore[reportAttributeAccessIssue]
        marks = {
            index: token.content for index, token in added.items()
            if token.special and token.content != tokenizer.unk_token
        }  # fmt: skip
        self._marks, self._mark_names = set(marks), re.compile("|".join(map(re.escape, marks.values())) or "(?!)")
        self._words = word_pattern(tokenizer)
        self._ids = _Words(self._encoded)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text, (tokens,) of `dtype`."""
        self._backend.encode_special_tokens = True
        self._backend.no_truncation()
        self._backend.no_padding()
        if self._words is None:
            return self._by_the_library(texts)
        find, look_up = self._words.findall, self._ids.__getitem__
        return [np.frombuffer(b"".join(map(look_up, find(text))), dtype=self.dtype) for text in texts]

    def documents(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The ids of each text between begin and end token, (tokens,) of `dtype`."""
        return [np.concatenate((self._begin, ids, self._end)) for ids in self.encode(texts)]

    def _encoded(self, text: str) -> bytes:
        ids = self._backend.encode(text, add_special_tokens=False).ids
        return np.array(self._without_marks(text, ids), dtype=self.dtype).tobytes()

    def _without_marks(self, text: str, ids: list[int]) -> list[int]:
        """`ids` of `text`; where a special token is among them all the same, those of the text broken inside of it.

        It may be a piece of the model's vocabulary, as SentencePiece's end token is.
        """
        if self._marks.isdisjoint(ids):
            return ids
        cuts = [0, *(match.start() + 1 for match in self._mark_names.finditer(text)), len(text)]
        parts = [text[start:end] for start, end in pairwise(cuts)]
        return [token for part in parts for token in self._backend.encode(part, add_special_tokens=False).ids]

    def _by_the_library(self, texts: Sequence[str]) -> list[np.ndarray]:
        pieces: list[str] = []
        starts = [0]
        for text in texts:
            pieces += long_pieces(text) if len(text) > PIECE and self._may_be_cut else [text]
            starts.append(len(pieces))
        found = [
            np.array(self._without_marks(piece, encoding.ids), dtype=self.dtype)
            for piece, encoding in zip(
                pieces, self._backend.encode_batch_fast(pieces, add_special_tokens=False), strict=True
            )
        ]
        nothing = np.empty(0, dtype=self.dtype)
        return [np.concatenate((nothing, *found[a:b])) for a, b in pairwise(starts)]

    @cached_property
    def _may_be_cut(self) -> bool:
        """Whether cutting changes no id: no token reaches over a cut, nor is anything put before a text."""
        if any(map(_CROSSING.search, self._backend.get_vocab())):
            return False
        whole = self._backend.encode(_PROBE, add_special_tokens=False).ids
        parts = self._backend.encode_batch(_SAFE.split(_PROBE), add_special_tokens=False)
        return whole == [token for part in parts for token in part.ids]


class _Words(dict[str, bytes]):
    """The ids of words, found out when they are first asked for; frequent ones come early, and stay."""

    def __init__(self, encoded: Callable[[str], bytes]) -> None:
        super().__init__()
        self._encoded = encoded

    def __missing__(self, word: str) -> bytes:
        ids = self._encoded(word)
        if len(word) <= _LONGEST_WORD and len(self) < _MOST_WORDS:
            self[word] = ids
        return ids


def word_pattern(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str] | None:
    """Cuts text only where the tokenizer itself cuts it; None for a tokenizer of which that is not known.

    What it cuts off is encoded by itself to the same ids, so that it can be kept.
    """
    backend: Any = tokenizer.backend_tokenizer  # pyright: ignore[reportAttributeAccessIssue]
    normalizer, pre_tokenizer = settings_of(backend.normalizer), settings_of(backend.pre_tokenizer)
    added: Any = tokenizer.added_tokens_decoder  # pyright: ignore[reportAttributeAccessIssue]
    if not all(token.special for token in added.values()):
        return None  # such a token is found in a text before it is cut
    # Composition reaches over no space, line end or mark of ASCII.
    if normalizer is not None and normalizer["type"] != "NFC":
        return None
    steps = [part["type"] for part in parts_of(pre_tokenizer)]
    if steps and steps[0] in _BY_SPACE:
        return _SPACED
    if steps in (["Split", "ByteLevel"], ["ByteLevel"], ["Split"]) and _by_named_pattern(pre_tokenizer):
        return WORDS
    if set(steps) <= {"ByteLevel"} and normalizer is None and _merges_nothing(backend, added):
        return _SPACED
    return None


def long_pieces(text: str) -> Iterator[str]:
    """A text in parts of a million characters and what is left of a word, cut before a space or a line end."""
    start = 0
    while len(text) - start > PIECE:
        match = _SAFE.search(text, start + PIECE)
        if match is None:
            break
        yield text[start : match.start()]
        start = match.start()
    yield text[start:]


def _by_named_pattern(pre_tokenizer: dict[str, Any] | None) -> bool:
    """Whether words are cut by one of the named patterns, and nothing is put before them."""
    parts = parts_of(pre_tokenizer)
    if any(part.get("add_prefix_space") or part.get("invert") for part in parts):
        return False
    if parts[0]["type"] == "Split" and (parts[0]["behavior"] != "Isolated" or parts[-1].get("use_regex")):
        return False
    return named(pattern_of(pre_tokenizer)) is not None


def _merges_nothing(backend: Any, added: dict[int, Any]) -> bool:
    """Whether each token is one character or byte: a text may be cut anywhere then."""
    marks = {token.content for token in added.values()}
    return type(backend.model).__name__ == "BPE" and all(
        len(token) == 1 or token in marks for token in backend.get_vocab(with_added_tokens=False)
    )
