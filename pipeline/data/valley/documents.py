"""Documents: a title that names the topic, then a number of sentences under it, in paragraphs.

    About the sea
    Many tibos pesken after the tavin.
    Many tavins live in Linmar. The tavin is mery.

Sampling, and reading back: the exact surprisal of any text.
"""

from __future__ import annotations

import math
import re
from random import Random
from typing import NamedTuple

from pipeline.data.valley.grammar import sentence_surprisal, sentences, start, written
from pipeline.data.valley.words import TOPICS

FEWEST_SENTENCES, MOST_SENTENCES = 7, 15
"""Every number between them is equally likely, so that no document is long."""
PARAGRAPH_SHARE = 0.2
"""How often the next sentence begins a new line."""

NATS_OF_TOPIC = math.log(len(TOPICS))
NATS_OF_SEPARATOR = {"\n": -math.log(PARAGRAPH_SHARE), " ": -math.log(1 - PARAGRAPH_SHARE)}
_TITLES = {f"About the {topic}": index for index, topic in enumerate(TOPICS)}
_BETWEEN_SENTENCES = re.compile(r"(?<=\.)([ \n])")


class Document(NamedTuple):
    """A text with its exact -log probability in nats, the end of the document included."""

    text: str
    surprisal: float


def stop_probability(count: int) -> float:
    """That a document of `count` sentences so far has no more."""
    return 0.0 if count < FEWEST_SENTENCES else 1 / (MOST_SENTENCES - count + 1)


def nats_of_count(count: int, ended: bool) -> float:
    """The surprisal of ending, or of going on, after `count` sentences."""
    stop = stop_probability(count)
    return -math.log(stop if ended else 1 - stop)


def sample_document(draws: Random) -> Document:
    """One document."""
    topic = int(draws.random() * len(TOPICS))
    text, surprisal, separator, count = [f"About the {TOPICS[topic]}"], NATS_OF_TOPIC, "\n", 0
    while True:
        words, nats = sentences().sample(start(topic), draws)
        text += [separator, written(words)]
        surprisal += nats
        count += 1
        ended = draws.random() < stop_probability(count)
        surprisal += nats_of_count(count, ended)
        if ended:
            return Document("".join(text), surprisal)
        separator = "\n" if draws.random() < PARAGRAPH_SHARE else " "
        surprisal += NATS_OF_SEPARATOR[separator]


def surprisal(text: str) -> float | None:
    """-log probability of `text` as a whole document, its end included, in nats; None if it is not one."""
    title, newline, body = text.partition("\n")
    if title not in _TITLES or not newline:
        return None
    parts = _BETWEEN_SENTENCES.split(body)
    count = len(parts) // 2 + 1
    if not FEWEST_SENTENCES <= count <= MOST_SENTENCES:
        return None
    total = NATS_OF_TOPIC
    for index in range(count):
        nats = sentence_surprisal(_TITLES[title], parts[2 * index])
        if nats is None:
            return None
        ended = index == count - 1
        total += nats
        total += nats_of_count(index + 1, ended)
        total += 0.0 if ended else NATS_OF_SEPARATOR[parts[2 * index + 1]]
    return total
