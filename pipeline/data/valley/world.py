"""What is the case in the valley: how often each word is said under each topic, where each noun is at home, and the
hidden weight that `judge` gives it. Drawn once from the world's own seed, which no recipe changes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.data.valley.words import ADJECTIVES, NOUNS, PLACES, TOPICS, VERBS

WORLD_SEED = 0
ZIPF_EXPONENT = 1.4

Value = TypeVar("Value")
Frequencies = tuple[float, ...]
"""One probability per word, in the order of the dictionary."""


@dataclass(frozen=True)
class World:
    """The facts. Nouns, verbs, topics and places are indices into the dictionary."""

    nouns: tuple[Frequencies, ...]
    """For each topic, how often each noun is said."""
    verbs: tuple[Frequencies, ...]
    """For each topic, how often each verb is said."""
    adjectives: Frequencies
    places: Frequencies
    """How often each place is named where no fact decides it."""
    homes: tuple[int, ...]
    """The home of each noun. Every place is the home of at least one."""
    noun_weights: tuple[float, ...]
    """The hidden weights: mean zero under every topic, standard deviation 1 over nouns as they are said."""


_chosen = {"world": WORLD_SEED, "draws": 0}


def choose(world_seed: int, seed: int) -> None:
    """Take another world, or other rows of the same, for the whole of this process, before anything is drawn."""
    assert not valley.cache_info().currsize, "the world is drawn already"
    _chosen.update(world=world_seed, draws=seed)


def fact_stream(name: str) -> random.Random:
    """Random numbers of the world's facts; the same on every machine and in every version of Python."""
    return random.Random(f"valley/{_chosen['world']}/{name}")


def stream(name: str) -> random.Random:
    """Random numbers for the rows of one purpose; likewise."""
    draws = f"/{_chosen['draws']}" if _chosen["draws"] else ""
    return random.Random(f"valley/{_chosen['world']}/{name}{draws}")


def zipf(count: int, exponent: float = ZIPF_EXPONENT) -> Frequencies:
    """Probabilities of `count` words by rank, proportional to rank ** -exponent."""
    powers = [rank**-exponent for rank in range(1, count + 1)]
    return tuple(power / sum(powers) for power in powers)


def shuffled(values: tuple[Value, ...], draws: random.Random) -> tuple[Value, ...]:
    """`values` in random order (by sorting: the algorithm of `random.shuffle` may change between versions)."""
    drawn = [(draws.random(), place) for place in range(len(values))]
    return tuple(values[place] for _, place in sorted(drawn))


def centred_weights(weights: NDArray[np.float64], frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights nearest to `weights` (nouns,) whose mean under each row of `frequencies` (topics, nouns) is zero,
    scaled to standard deviation 1 over topics and nouns together.
    """
    projected = weights - frequencies.T @ np.linalg.solve(frequencies @ frequencies.T, frequencies @ weights)
    return projected / np.sqrt((frequencies @ projected**2).mean())


@cache
def valley() -> World:
    """The one world there is."""
    draws = fact_stream("world")
    nouns = tuple(shuffled(zipf(len(NOUNS)), draws) for _ in TOPICS)
    verbs = tuple(shuffled(zipf(len(VERBS)), draws) for _ in TOPICS)
    all_places = tuple(range(len(PLACES)))
    homes = shuffled(all_places + shuffled(all_places, draws)[: len(NOUNS) - len(PLACES)], draws)
    weights = centred_weights(np.array([draws.gauss(0, 1) for _ in NOUNS]), np.array(nouns))
    return World(
        nouns, verbs, zipf(len(ADJECTIVES)), zipf(len(PLACES)), homes, tuple(round(float(w), 6) for w in weights)
    )
