"""Exact optima of KL-regularised reward on worlds small enough to list every string; numpy only, no trainer imported.

J(policy) = E[reward - beta log policy/reference]. Its maximum is beta log E_reference exp(reward / beta), reached by
reference * exp(reward / beta) normalised; and for every policy  J* - J = beta KL(policy, optimum).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

String = tuple[int, ...]


@dataclass(frozen=True)
class World:
    """Strings of at most `length` tokens of an alphabet 0 to `size`, ending at their first `end` token if there is one."""

    size: int
    length: int
    reward: Callable[[String], float]
    beta: float
    end: int | None = None

    def strings(self) -> list[String]:
        """Every string, the shorter ones first."""
        done: list[String] = []
        alive: list[String] = [()]
        for step in range(self.length):
            grown = [(*string, token) for string in alive for token in range(self.size)]
            ends = [string[-1] == self.end or step == self.length - 1 for string in grown]
            done += [string for string, ended in zip(grown, ends, strict=True) if ended]
            alive = [string for string, ended in zip(grown, ends, strict=True) if not ended]
        return done

    def rewards(self) -> np.ndarray:
        """The reward of every string."""
        return np.array([self.reward(string) for string in self.strings()], dtype=float)


def optimum(ref_log_probs: np.ndarray, rewards: np.ndarray, beta: float) -> tuple[float, np.ndarray]:
    """The best J, and the log-probabilities of the policy that reaches it."""
    scaled = ref_log_probs + rewards / beta
    log_sum = np.logaddexp.reduce(scaled)
    return float(beta * log_sum), scaled - log_sum


def objective(log_probs: np.ndarray, ref_log_probs: np.ndarray, rewards: np.ndarray, beta: float) -> float:
    """J of a policy given by the log-probability of every string."""
    return float((np.exp(log_probs) * (rewards - beta * (log_probs - ref_log_probs))).sum())


def relative_gap(log_probs: np.ndarray, ref_log_probs: np.ndarray, rewards: np.ndarray, beta: float) -> float:
    """How much of what could be gained over the reference is still missing: 1 untrained, 0 optimal."""
    best, _ = optimum(ref_log_probs, rewards, beta)
    start = objective(ref_log_probs, ref_log_probs, rewards, beta)
    return (best - objective(log_probs, ref_log_probs, rewards, beta)) / (best - start)


def bandit(arms: int = 16, seed: int = 0) -> World:
    """One token, a normal reward for each."""
    values = np.random.default_rng(seed).normal(size=arms)
    return World(arms, 1, lambda string: float(values[string[0]]), beta=0.5)


def count(symbol: int = 3) -> World:
    """Six tokens of eight, 262,144 strings; how often one symbol stands in them."""
    return World(8, 6, lambda string: float(string.count(symbol)), beta=0.5)


def regular() -> World:
    """Six tokens of eight; 1 for an odd number of 2s and a 5 at the end."""
    return World(8, 6, lambda string: float(string.count(2) % 2 == 1 and string[-1] == 5), beta=0.2)


def ending() -> World:
    """Up to six tokens of six, 5 ends; how often 3 stands in it, less 1 if it never ends."""
    return World(6, 6, lambda string: float(string.count(3) - (string[-1] != 5)), beta=0.5, end=5)
