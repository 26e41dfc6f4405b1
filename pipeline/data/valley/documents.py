"""Documents: a title that names the topic and the form, then a number of sentences, in one paragraph or as lines.

    About the sea as lines
    Many tibos pesken after the tavin.
    Many tavins live in Linmar.
    The tavin is mery.

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
SEPARATOR_OF_FORM = {"": " ", " as lines": "\n"}
"""What stands between sentences, by the words that end the title. The forms are equally likely."""

TITLES = {
    f"About the {topic}{form}": (index, separator)
    for index, topic in enumerate(TOPICS)
    for form, separator in SEPARATOR_OF_FORM.items()
}
"""Topic and separator by title."""
NATS_OF_TITLE = math.log(len(TITLES))
_TITLES = tuple(TITLES)


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
    title = _TITLES[int(draws.random() * len(_TITLES))]
    topic, separator = TITLES[title]
    said: list[str] = []
    surprisal, count = NATS_OF_TITLE, 0
    while True:
        words, nats = sentences().sample(start(topic), draws)
        said.append(written(words))
        surprisal += nats
        count += 1
        ended = draws.random() < stop_probability(count)
        surprisal += nats_of_count(count, ended)
        if ended:
            return Document(f"{title}\n{separator.join(said)}", surprisal)


def surprisal(text: str) -> float | None:
    """-log probability of `text` as a whole document, its end included, in nats; None if it is not one."""
    title, newline, body = text.partition("\n")
    if title not in TITLES or not newline:
        return None
    topic, separator = TITLES[title]
    said = re.split(f"(?<=\\.){separator}", body)
    if not FEWEST_SENTENCES <= len(said) <= MOST_SENTENCES:
        return None
    total = NATS_OF_TITLE
    for count, sentence in enumerate(said, start=1):
        nats = sentence_surprisal(topic, sentence)
        if nats is None:
            return None
        total += nats
        total += nats_of_count(count, ended=count == len(said))
    return total
