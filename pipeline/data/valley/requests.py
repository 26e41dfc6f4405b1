"""Requests to write about a topic, and short answers to them.

The grid is 12 phrasings x 4 topics x 3 manners x 2 forms x 5 openers = 1,440 requests, cut into disjoint splits. An
answer is a few sentences under the topic, the first beginning as asked, one to a line if asked. `judge` reads it back.
"""

from __future__ import annotations

import itertools
from functools import cache
from random import Random
from typing import NamedTuple

from pipeline.data.valley.grammar import sentences, start, written
from pipeline.data.valley.words import OPENERS, TOPICS
from pipeline.data.valley.world import fact_stream, shuffled

PHRASINGS = (
    *("Write about", "Write more about", "Write all about", "Write to me about"),
    *("Tell me about", "Tell me more about", "Tell me all about", "Tell all about"),
    *("Talk about", "Talk more about", "Talk all about", "Talk to me about"),
)
MANNERS = ("", "please", "today")
FORMS = ("plain", "lines")
SPLITS = {"sft": 360, "preference": 290, "test": 250, "ppo": 540}
"""How many requests each split has."""
FEWEST_SENTENCES, MOST_SENTENCES = 2, 4
MOST_WORDS = 30
"""Of an answer, full stops counted: about 40 tokens of a vocabulary of 512."""


class Request(NamedTuple):
    """What is asked."""

    phrasing: str
    topic: str
    manner: str
    form: str
    """`lines`: one sentence a line; `plain`: all on one."""
    opener: str
    """The word to begin with; empty if that is left open."""

    @property
    def text(self) -> str:
        """The request in words: `Tell me about the sea today as lines. Begin with Many.`"""
        form = "as lines" if self.form == "lines" else ""
        asked = " ".join(filter(None, (self.phrasing, "the", self.topic, self.manner, form))) + "."
        return asked + (f" Begin with {self.opener}." if self.opener else "")


@cache
def requests(split: str) -> tuple[Request, ...]:
    """The requests of a split, in random order."""
    grid = itertools.starmap(Request, itertools.product(PHRASINGS, TOPICS, MANNERS, FORMS, ("", *OPENERS)))
    order = iter(shuffled(tuple(grid), fact_stream("requests")))
    return {name: tuple(itertools.islice(order, count)) for name, count in SPLITS.items()}[split]


def sample_answer(request: Request, draws: Random, most_words: int = MOST_WORDS) -> str:
    """An answer that keeps to the request, drawn until it has at most `most_words`."""
    topic = TOPICS.index(request.topic)
    while True:
        spoken = [_first_sentence(topic, request.opener, draws)]
        more = FEWEST_SENTENCES - 1 + int(draws.random() * (MOST_SENTENCES - FEWEST_SENTENCES + 1))
        spoken += [sentences().sample(start(topic), draws)[0] for _ in range(more)]
        if sum(map(len, spoken)) <= most_words:
            return ("\n" if request.form == "lines" else " ").join(map(written, spoken))


def _first_sentence(topic: int, opener: str, draws: Random) -> list[str]:
    """The words of a sentence that begins with `opener`, or with any if it is empty."""
    if not opener:
        return sentences().sample(start(topic), draws)[0]
    after = sentences().arcs[start(topic)][opener].target
    assert after is not None
    return [opener, *sentences().sample(after, draws)[0]]
