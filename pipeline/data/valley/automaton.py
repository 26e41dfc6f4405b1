"""A unifilar weighted automaton: in each state, the next word fixes the next state.

So a text has one path, its probability is a product, and the entropy of everything the automaton can say is the sum
over states of the expected number of visits times the entropy of the next word. What the states mean is `grammar`'s.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

import numpy as np

State = TypeVar("State", bound=Hashable)


class Arc(NamedTuple, Generic[State]):
    """One way on from a state; `target` is None where the text ends."""

    word: str
    probability: float
    target: State | None


class Automaton(Generic[State]):
    """All states reachable from `starts`. `arcs_of(state)` gives the arcs of one, their probabilities summing to 1."""

    def __init__(self, starts: Iterable[State], arcs_of: Callable[[State], Sequence[Arc[State]]]) -> None:
        self.arcs: dict[State, dict[str, Arc[State]]] = {}
        waiting = list(starts)
        while waiting:
            state = waiting.pop()
            if state in self.arcs:
                continue
            arcs = arcs_of(state)
            self.arcs[state] = {arc.word: arc for arc in arcs}
            assert len(self.arcs[state]) == len(arcs), f"two arcs with one word: {state}"
            assert math.isclose(sum(arc.probability for arc in arcs), 1), f"probabilities do not sum to 1: {state}"
            waiting += [arc.target for arc in arcs if arc.target is not None]
        self._numbers = {state: number for number, state in enumerate(self.arcs)}
        self._thresholds = [list(accumulate(arc.probability for arc in arcs.values()))[:-1] for arcs in self._rows()]
        self._steps = [[self._step(arc) for arc in arcs.values()] for arcs in self._rows()]
        self._step_of_word = [{step[0]: step for step in steps} for steps in self._steps]

    def _rows(self) -> Iterable[dict[str, Arc[State]]]:
        return self.arcs.values()

    def _step(self, arc: Arc[State]) -> tuple[str, float, int]:
        """Word, surprisal, number of the next state (-1: the end): what the two inner loops need, and no more."""
        return arc.word, -math.log(arc.probability), -1 if arc.target is None else self._numbers[arc.target]

    def sample(self, state: State, draws: Random) -> tuple[list[str], float]:
        """Words from `state` to the end, with their surprisal in nats."""
        thresholds, steps, draw = self._thresholds, self._steps, draws.random
        words, surprisal, number = [], 0.0, self._numbers[state]
        while number >= 0:
            word, nats, number = steps[number][bisect_right(thresholds[number], draw())]
            words.append(word)
            surprisal += nats
        return words, surprisal

    def surprisal(self, state: State, words: Sequence[str]) -> float | None:
        """-log probability, in nats, of saying exactly `words` from `state` to the end; None if it cannot be said."""
        surprisal, number = 0.0, self._numbers[state]
        for word in words:
            if number < 0 or (step := self._step_of_word[number].get(word)) is None:
                return None
            surprisal += step[1]
            number = step[2]
        return surprisal if number < 0 else None

    def expected_visits(self, starts: Mapping[State, float]) -> dict[State, float]:
        """How often each state is passed on the way from `starts` to the end: v = s + P' v, one linear solve."""
        moves = np.zeros((len(self.arcs), len(self.arcs)))
        for number, steps in enumerate(self._steps):
            for _, nats, target in steps:
                if target >= 0:
                    moves[number, target] += math.exp(-nats)
        first = np.zeros(len(self.arcs))
        for state, probability in starts.items():
            first[self._numbers[state]] = probability
        visits = np.linalg.solve(np.eye(len(self.arcs)) - moves.T, first)
        return dict(zip(self.arcs, visits.tolist(), strict=True))

    def entropy(self, starts: Mapping[State, float], known: Callable[[State], Hashable] = lambda state: state) -> float:
        """The least expected surprisal, in nats, for a reader who knows only `known(state)` when predicting a word.

        With the whole state known, which a text's reader can, it is the entropy.
        """
        said: dict[Hashable, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for state, visits in self.expected_visits(starts).items():
            for arc in self.arcs[state].values():
                said[known(state)][arc.word] += visits * arc.probability
        return sum(_entropy_of_counts(counts.values()) for counts in said.values())


def _entropy_of_counts(counts: Iterable[float]) -> float:
    """Sum of -n log(n / N) over expected counts n with total N, in nats."""
    positive = [count for count in counts if count > 0]
    total = sum(positive)
    return -sum(count * math.log(count / total) for count in positive)
