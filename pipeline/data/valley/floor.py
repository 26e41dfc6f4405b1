"""The least expected loss on documents of the valley in closed form, also for readers who lack one ability.

Over given documents the floor is the sum of their own surprisals: `pipeline.data.floor`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping

from pipeline.data.valley.documents import FEWEST_SENTENCES, MOST_SENTENCES, NATS_OF_TITLE, TITLES
from pipeline.data.valley.grammar import UNSET, State, sentences, start
from pipeline.data.valley.words import TOPICS

_TOPICS_ALIKE = {start(topic): 1 / len(TOPICS) for topic in range(len(TOPICS))}
_MEAN_SENTENCES = (FEWEST_SENTENCES + MOST_SENTENCES) / 2


def entropy(known: Callable[[State], Hashable] = lambda state: state) -> float:
    """Expected surprisal of a document in nats: title, number of sentences, and sentences.

    The sentences are independent given the topic, and their number of it, so that the parts add. `known` is what a
    reader knows of a sentence's state when predicting its next word: all of it, unless an ability is lacking.
    """
    count = math.log(MOST_SENTENCES - FEWEST_SENTENCES + 1)
    sentence = sentences().entropy(_TOPICS_ALIKE, known)
    return NATS_OF_TITLE + count + _MEAN_SENTENCES * sentence


def expected_characters() -> float:
    """Expected length of a document's text."""
    automaton = sentences()
    visits = automaton.expected_visits(_TOPICS_ALIKE)
    # A word brings the space before it; the full stop has none, and the first word the separator counted below.
    written = (
        visits[state] * arc.probability * (len(arc.word) + (arc.word != "." and state.slot != "opening"))
        for state, arcs in automaton.arcs.items()
        for arc in arcs.values()
    )
    title = sum(len(title) for title in TITLES) / len(TITLES)
    return title + _MEAN_SENTENCES * (1 + math.fsum(written))


ABILITIES: Mapping[str, Callable[[State], Hashable]] = {
    "full": lambda state: state,
    "no facts": lambda state: state._replace(noun=UNSET, place=UNSET),
    "no agreement": lambda state: state._replace(number=UNSET, object_number=UNSET),
    "no topic": lambda state: state._replace(topic=0),
}
"""What each reader knows of the state of a sentence."""


def ability_floors() -> dict[str, float]:
    """The least expected loss in nats per character for a reader with every ability, and for readers lacking one."""
    return {name: entropy(known) / expected_characters() for name, known in ABILITIES.items()}
