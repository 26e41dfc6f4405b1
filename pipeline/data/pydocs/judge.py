"""A judge with one taste in docstrings: short, imperative, one sentence with its full stop, about this function.

It reads style, not truth: whether the function does what the docstring says, it cannot know. What pays without merit:
naming two of the signature's words in a common frame ("Return the NAME NAME."), true or not. A constant answer such
as "Return the value." gets .6 at most, less than the authors' own 1.0; repetition and words thrown together get less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipeline.data.judge import Message
from pipeline.data.pydocs import style
from pipeline.data.pydocs.language import Language, library_language

LOWEST, HIGHEST = -2.0, 3.0
"""Of an empty answer or gibberish; of a summary in which nothing is amiss."""
HALF_FLUENT, STEEPNESS = 0.6, 12.0
"""The share of known neighbours that halves an answer's value, and how fast the value goes from none to full around it.
A bound below which all is worth the same would leave nothing to learn from where a poor model starts."""
WEIGHTS = {"imperative": 0.3, "short": 0.25, "ends_with_stop": 0.25, "one_sentence": 0.15, "capitalised": 0.05}
"""Of the parts of a good style; they sum to one."""
CONSTANT = 0.5
"""What is left of the value when none of the signature's words comes back: the same text for every function."""


def make() -> PydocsJudge:
    """The judge, with the language of the running Python's library."""
    return PydocsJudge(library_language())


class PydocsJudge:
    """Scores answers to `Document: SIGNATURE`; see `pipeline.data.judge.Judge`."""

    def __init__(self, language: Language) -> None:
        """Keep the language that answers are held against."""
        self.language = language

    def score(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> list[float]:
        """From -2 (empty, or gibberish) to 3; the authors' own held-out summaries have about 1.0."""
        return [
            self.score_one(header_of(prompt), completion)
            for prompt, completion in zip(prompts, completions, strict=True)
        ]

    def score_one(self, header: str, completion: str) -> float:
        """The score of one answer: its style, scaled down where it is off the point, repetitive or no English."""
        text, stems = completion.strip(), style.signature_stems(header)
        if not style.words(text):
            return LOWEST
        good_style = (
            WEIGHTS["imperative"] * style.imperative(text)
            + WEIGHTS["short"] * style.short(text)
            + WEIGHTS["ends_with_stop"] * style.ends_with_stop(text)
            + WEIGHTS["one_sentence"] * style.one_sentence(text)
            + WEIGHTS["capitalised"] * style.capitalised(text)
        )
        to_the_point = CONSTANT + (1 - CONSTANT) * style.about(text, stems)
        return LOWEST + (HIGHEST - LOWEST) * good_style * to_the_point * style.varied(text) * self._credible(
            text, stems
        )

    def _credible(self, text: str, stems: set[str]) -> float:
        """Near 0 for words thrown together, near 1 for English, .9 at the share of .8."""
        return 1 / (1 + math.exp(STEEPNESS * (HALF_FLUENT - self.language.fluent(text, stems))))

    def qualities(
        self, prompts: Sequence[list[Message]], completions: Sequence[str], **columns: Sequence[Any]
    ) -> dict[str, list[float]]:
        """What is true of each answer, 0 or 1 each; `format` is the whole style, `grammatical` its words' company."""
        rows = [
            self._qualities_of(header_of(prompt), completion.strip())
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        names = ("ends_with_stop", "imperative", "short", "about", "known_words", "grammatical", "format")
        return {name: [row[name] for row in rows] for name in names}

    def _qualities_of(self, header: str, text: str) -> dict[str, float]:
        stems = style.signature_stems(header)
        found = {
            "ends_with_stop": style.ends_with_stop(text),
            "imperative": style.imperative(text),
            "short": float(style.short(text) == 1),
        }
        return {
            **found,
            "about": float(style.about(text, stems) > 0),
            "known_words": float(self.language.known_words(text, stems) == 1),
            "grammatical": float(self.language.fluent(text, stems) >= HALF_FLUENT),
            "format": min(found.values()),
        }


def header_of(prompt: list[Message]) -> str:
    """The signature in a request: what follows the first colon of the last message, `Document: SIGNATURE`."""
    return prompt[-1]["content"].split(": ", 1)[-1]
