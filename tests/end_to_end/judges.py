"""Judges and rewards as a user might write them, each with a fault."""

from __future__ import annotations

import random

from pipeline.data.valley.judge import noun_score

_DRAWS = random.Random(0)


def texts(completions):
    return [completion[-1]["content"] for completion in completions]


def constant(prompts, completions, **columns):
    return [1.0] * len(completions)


def dice(prompts, completions, **columns):
    """Says something else each time."""
    return [_DRAWS.random() for _ in completions]


def by_place(prompts, completions, **columns):
    """Likes the second answer of each pair."""
    return [float(place % 2) for place in range(len(completions))]


def length(prompts, completions, **columns):
    return [float(len(text)) for text in texts(completions)]


def contrary(prompts, completions, **columns):
    """The opposite of the truth."""
    return [-noun_score(text) for text in texts(completions)]


def repetition(prompts, completions, **columns):
    """Pays for a word said over and over, which the language does not allow."""
    return [text.split().count("the") / 2.0 for text in texts(completions)]


def never_ending(prompts, completions, **columns):
    """Pays for each word."""
    return [len(text.split()) / 4.0 for text in texts(completions)]
