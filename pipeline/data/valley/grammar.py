"""The sentences of the valley, as an automaton.

    The mery nokas of Seldor tanden many tibos and rullen around one sabo.
    In Seldor the noka is lory.

A subject governs its verbs (agreement), and a noun is only ever said to be of, to live in, or to be met in its one
home (facts). Topics say the same things, differently often. How sentences make a document is left to `documents`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

from pipeline.data.valley.automaton import Arc, Automaton
from pipeline.data.valley.words import (
    ADJECTIVES,
    NOUNS,
    OPENERS,
    PARTICLES,
    PLACES,
    PLURAL,
    SINGULAR,
    TOPICS,
    VERBS,
    noun_form,
    verb_form,
)
from pipeline.data.valley.world import valley

UNSET = -1


class State(NamedTuple):
    """Where a sentence stands: all that decides how it may go on."""

    topic: int
    slot: str
    number: int = UNSET
    """Of the subject; unset while it is open."""
    object_number: int = UNSET
    noun: int = UNSET
    """The subject, as long as its home may still be told."""
    particle: str = ""
    """What the verb must have beside it."""
    place: int = UNSET
    """The place whose residents may be told."""


Arcs = list[Arc[State]]

SINGULAR_SHARE = 0.6
OPENER_SHARES = (0.52, 0.18, 0.14, 0.16)


def start(topic: int) -> State:
    """The state before the first word of a sentence."""
    return State(topic, "opening")


def opening(state: State) -> Arcs:
    """One of the four openers."""
    on = partial(State, state.topic)
    targets = (on("subject"), on("subject", PLURAL), on("subject", SINGULAR), on("where"))
    return [Arc(*arc) for arc in zip(OPENERS, OPENER_SHARES, targets, strict=True)]


def noun_phrase(adjective_share: float, after_adjective: State, nouns: Arcs) -> Arcs:
    """A noun, before it perhaps an adjective."""
    adjectives = zip(ADJECTIVES, valley().adjectives, strict=True)
    return [Arc(word, adjective_share * share, after_adjective) for word, share in adjectives] + [
        Arc(word, (1 - adjective_share) * share, target) for word, share, target in nouns
    ]


def numbers(number: int) -> list[tuple[int, float]]:
    """The numbers a noun may have here, with their probabilities."""
    return [(SINGULAR, SINGULAR_SHARE), (PLURAL, 1 - SINGULAR_SHARE)] if number == UNSET else [(number, 1.0)]


def subject(state: State) -> Arcs:
    """[adjective] noun."""
    return noun_phrase(0.2, state._replace(slot="subject_noun"), subject_noun(state))


def subject_noun(state: State) -> Arcs:
    """The noun that governs the verb."""
    return [
        Arc(noun_form(noun, number), share * part, State(state.topic, "of_subject", number, noun=noun))
        for noun, share in enumerate(valley().nouns[state.topic])
        for number, part in numbers(state.number)
    ]


def of_subject(state: State) -> Arcs:
    """The noun is named: `of` its home | live `in` its home | what it does."""
    on = partial(State, state.topic, number=state.number)
    return [
        Arc("of", 0.08, state._replace(slot="home_of_subject")),
        Arc(verb_form("live", state.number), 0.10, State(state.topic, "lives", noun=state.noun)),
        *(Arc(word, 0.82 * share, target) for word, share, target in predicate(on("predicate"))),
    ]


def home_of_subject(state: State) -> Arcs:
    """The fact: `of` its home, then what it does."""
    return [Arc(PLACES[valley().homes[state.noun]], 1.0, State(state.topic, "predicate", state.number))]


def lives(state: State) -> Arcs:
    """`in`, before a home."""
    return [Arc("in", 1.0, state._replace(slot="home"))]


def home(state: State) -> Arcs:
    """The fact: lives in its home. The sentence ends here."""
    return [Arc(PLACES[valley().homes[state.noun]], 1.0, State(state.topic, "stop"))]


def where(state: State) -> Arcs:
    """A place, as often as its residents are spoken of: so a noun after `In` is as frequent as anywhere else."""
    residents = [0.0] * len(PLACES)
    for noun, share in enumerate(valley().nouns[state.topic]):
        residents[valley().homes[noun]] += share
    return [
        Arc(PLACES[place], share, State(state.topic, "the_resident", place=place))
        for place, share in enumerate(residents)
    ]


def the_resident(state: State) -> Arcs:
    """`the`, before a resident."""
    return [Arc("the", 1.0, state._replace(slot="resident"))]


def resident(state: State) -> Arcs:
    """The fact, the other way round: one of those whose home the place is."""
    shares = {n: valley().nouns[state.topic][n] for n in range(len(NOUNS)) if valley().homes[n] == state.place}
    return [
        Arc(noun_form(noun, number), share / sum(shares.values()) * part, State(state.topic, "predicate", number))
        for noun, share in shares.items()
        for number, part in numbers(UNSET)
    ]


def predicate(state: State) -> Arcs:
    """A form of `be`, before an adjective; or a verb that agrees."""
    return [
        Arc(("is", "are")[state.number], 0.15, State(state.topic, "quality")),
        *(Arc(word, 0.85 * share, target) for word, share, target in verb(state)),
    ]


def verb(state: State) -> Arcs:
    """A verb that agrees with the subject."""
    return [
        Arc(
            verb_form(word, state.number),
            share,
            state._replace(slot="particle" if particle else "verb_alone", particle=particle),
        )
        for word, particle, share in zip(VERBS, PARTICLES, valley().verbs[state.topic], strict=True)
    ]


def quality(state: State) -> Arcs:
    """The adjective that ends a sentence."""
    return [
        Arc(word, share, State(state.topic, "stop"))
        for word, share in zip(ADJECTIVES, valley().adjectives, strict=True)
    ]


def particle(state: State) -> Arcs:
    """What the verb must have beside it, before an object."""
    return [Arc(state.particle, 1.0, State(state.topic, "objects", state.number))]


def verb_alone(state: State) -> Arcs:
    """The end | and a second verb | an object."""
    return [
        Arc(".", 0.12, None),
        Arc("and", 0.06, state._replace(slot="verb")),
        *(Arc(word, 0.82 * share, target) for word, share, target in objects(state)),
    ]


def objects(state: State) -> Arcs:
    """Any of `the`, `many`, `one`."""
    on = partial(state._replace, slot="object_phrase")
    return [
        Arc("the", 0.7, on()),
        Arc("many", 0.17, on(object_number=PLURAL)),
        Arc("one", 0.13, on(object_number=SINGULAR)),
    ]


def object_phrase(state: State) -> Arcs:
    """[adjective] noun."""
    return noun_phrase(0.12, state._replace(slot="object_noun"), object_noun(state))


def object_noun(state: State) -> Arcs:
    """The noun that something is done to. The subject's number stays in mind: a second verb may follow."""
    return [
        Arc(noun_form(noun, number), share * part, State(state.topic, "after_object", state.number))
        for noun, share in enumerate(valley().nouns[state.topic])
        for number, part in numbers(state.object_number)
    ]


def after_object(state: State) -> Arcs:
    """The end | near some place | and a second verb, which agrees with the subject across the object."""
    return [
        Arc(".", 0.8, None),
        Arc("near", 0.08, State(state.topic, "near")),
        Arc("and", 0.12, state._replace(slot="verb")),
    ]


def near(state: State) -> Arcs:
    """Any place: no fact decides it."""
    return [Arc(place, share, State(state.topic, "stop")) for place, share in zip(PLACES, valley().places, strict=True)]


def stop(state: State) -> Arcs:
    """Nothing more can be said."""
    return [Arc(".", 1.0, None)]


_SLOTS = (
    *(opening, subject, subject_noun, of_subject, home_of_subject, lives, home, where, the_resident, resident),
    *(predicate, verb, particle, verb_alone, objects, object_phrase, object_noun, after_object, near, quality, stop),
)
SLOTS: Mapping[str, Callable[[State], Arcs]] = {slot.__name__: slot for slot in _SLOTS}
"""What may follow in each slot, by the slot's name."""


def arcs_of(state: State) -> Sequence[Arc[State]]:
    """The ways on from a state."""
    return SLOTS[state.slot](state)


@cache
def sentences() -> Automaton[State]:
    """Every sentence under every topic. Words are written with a space between them, the full stop without."""
    return Automaton((start(topic) for topic in range(len(TOPICS))), arcs_of)


def written(words: Sequence[str]) -> str:
    """The text of a sentence's words, the last of which is the full stop."""
    return " ".join(words[:-1]) + words[-1]


def sentence_surprisal(topic: int, text: str) -> float | None:
    """-log probability of a sentence under a topic, in nats; None if it is not one."""
    words = text[:-1].split(" ")
    return sentences().surprisal(start(topic), [*words, text[-1:]])
