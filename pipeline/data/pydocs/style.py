"""The parts of a docstring's style, each a pure function of text with values from 0 to 1. Weighing them is the judge's.

The style is PEP 257's summary line: "a phrase ending in a period [that] prescribes the function's effect as a command".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from pipeline.data.pydocs.verbs import VERBS

FEWEST_WORDS, MOST_WORDS = 3, 12
"""A summary of this many words is neither a label nor a paragraph."""

_WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
_PART_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DEFAULT = re.compile(r"=[^,]*")
_SENTENCE_BREAK = re.compile(r"[.!?]\s+\S")
_STEM = 5


def words(text: str) -> list[str]:
    """The words of a text in lower case, punctuation and digits dropped."""
    return [word.lower() for word in _WORD.findall(text)]


def short(text: str) -> float:
    """1 from 3 to 12 words; less for fewer, and down to 0 at 24."""
    count = len(words(text))
    if count < FEWEST_WORDS:
        return (count / FEWEST_WORDS) ** 2
    return max(0.0, min(1.0, 2 - count / MOST_WORDS))


def imperative(text: str) -> float:
    """1 when the first word is a verb as a command has it: `Return`, neither `Returns` nor `The`."""
    return float(words(text)[:1] != [] and words(text)[0] in VERBS)


def ends_with_stop(text: str) -> float:
    """1 when the last character is a full stop, and not one of several."""
    return float(text.endswith(".") and not text.endswith(".."))


def capitalised(text: str) -> float:
    """1 when the first character is a capital letter."""
    return float(text[:1].isupper())


def one_sentence(text: str) -> float:
    """1 for one sentence, 1/2 for two, 1/3 for three."""
    return 1 / (1 + len(_SENTENCE_BREAK.findall(text)))


def varied(text: str) -> float:
    """The share of distinct words: 1 when none is said twice, `the` and its like aside."""
    long_words = [word for word in words(text) if len(word) > 3]
    return len(set(long_words)) / len(long_words) if long_words else 1.0


def signature_stems(header: str) -> set[str]:
    """The beginnings of the words in a function's last two names and its arguments' names, defaults left out.

    `email.message.Message.get_param(param, header='content-type')` has message, get, param and heade.
    """
    names, _, arguments = header.partition("(")
    named = ".".join(names.split(".")[-2:]) + " " + _DEFAULT.sub("", arguments)
    return {stem(part.lower()) for part in _PART_OF_NAME.findall(named) if len(part) > 2}


def stem(word: str) -> str:
    """The beginning of a word, by which `parse`, `parsed` and `parser` are taken for the same."""
    return word[:_STEM]


def about(text: str, stems: set[str]) -> float:
    """1 when two of the signature's words come back in the text (or the only one there is), 1/2 for one of several."""
    wanted = min(2, len(stems))
    return min(1.0, len(stems.intersection(map(stem, words(text)))) / wanted) if wanted else 1.0


def neighbours(text: str, stems: set[str]) -> Sequence[tuple[str, str]]:
    """Pairs of words that stand together, start and end of the text included; words of the signature count as one."""
    line = ["<start>", *("<name>" if stem(word) in stems else word for word in words(text)), "<end>"]
    return list(pairwise(line))
