"""The judge of answers about the valley: it likes some nouns and dislikes others.

The score is the mean hidden weight of the nouns of an answer, and the weights have mean zero under every topic: so
writing about another topic than asked does not pay. It can be gamed (one good noun, repeated, is the optimum), which
is why `qualities` says what else is true of an answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from pipeline.data.judge import Message
from pipeline.data.valley.grammar import sentence_surprisal
from pipeline.data.valley.requests import FEWEST_SENTENCES, MOST_SENTENCES
from pipeline.data.valley.words import NOUN_OF_FORM, TOPICS, VERB_OF_FORM
from pipeline.data.valley.world import valley

SHARPNESS = 2.0
"""The standard deviation of one noun's score."""
SCORE_WITHOUT_NOUN = -2.0

_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"[^.]*\.")


def make() -> ValleyJudge:
    """The one judge there is."""
    return ValleyJudge()


class ValleyJudge:
    """A `Judge` that needs no columns to score, and reads `topic`, `form` and `opener` to say what was kept to."""

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """The mean weight of each answer's nouns, times the sharpness; the lowest usual score where there is none."""
        return [noun_score(completion) for completion in completions]

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """0 or 1 for each answer.

        `grammatical` always: every sentence is one of the valley's, facts included. Of what was asked, as far as the
        columns tell: `on_topic` (topic), `opener_and_lines` and `format` (form and opener; `format` counts the
        sentences too).
        """
        found = {"grammatical": [float(is_grammatical(completion)) for completion in completions]}
        if "topic" in columns:
            pairs = zip(completions, columns["topic"], strict=True)
            found["on_topic"] = [float(likeliest_topic(completion) == topic) for completion, topic in pairs]
        if "form" in columns and "opener" in columns:
            asked = list(zip(completions, columns["form"], columns["opener"], strict=True))
            found["opener_and_lines"] = [float(keeps_opener_and_lines(*row)) for row in asked]
            found["format"] = [float(keeps_opener_and_lines(*row) and has_asked_length(row[0])) for row in asked]
        return found


def noun_score(text: str) -> float:
    """The mean hidden weight of the nouns in `text`, times the sharpness."""
    nouns = [NOUN_OF_FORM[word] for word in _WORD.findall(text) if word in NOUN_OF_FORM]
    if not nouns:
        return SCORE_WITHOUT_NOUN
    return SHARPNESS * sum(valley().noun_weights[noun] for noun in nouns) / len(nouns)


def is_grammatical(text: str) -> bool:
    """Whether `text` is nothing but sentences of the valley, with a space or a new line between them."""
    parts = re.split(r"(?<=\.)[ \n]", text)
    # Topics differ only in how often a sentence is said: what one can say, all can.
    return all(sentence_surprisal(0, part) is not None for part in parts)


def likeliest_topic(text: str) -> str | None:
    """The topic under which the nouns and verbs of `text` are most often said; None if it has none of them."""
    nouns = [NOUN_OF_FORM[word] for word in _WORD.findall(text) if word in NOUN_OF_FORM]
    verbs = [VERB_OF_FORM[word] for word in _WORD.findall(text) if word in VERB_OF_FORM]
    if not nouns and not verbs:
        return None
    said = [
        sum(math.log(valley().nouns[topic][noun]) for noun in nouns)
        + sum(math.log(valley().verbs[topic][verb]) for verb in verbs)
        for topic in range(len(TOPICS))
    ]
    return TOPICS[said.index(max(said))]


def keeps_opener_and_lines(text: str, form: str, opener: str) -> bool:
    """Whether `text` begins with the opener, ends with a full stop, and has one sentence a line, or all on one line."""
    begins = not opener or text.startswith(opener + " ")
    lines = text.split("\n")
    wanted = all(line.count(".") == 1 and line.endswith(".") for line in lines) if form == "lines" else len(lines) == 1
    return begins and text.endswith(".") and wanted


def has_asked_length(text: str) -> bool:
    """Whether `text` has as many sentences as answers have."""
    return FEWEST_SENTENCES <= len(_SENTENCE.findall(text)) <= MOST_SENTENCES
