"""What is learned for the CPU seconds, on the reward `count`: how much sooner ours reaches what trl reaches.

Both sides use their own settings: those of trl are the best of `TRL_GRID`, ours those of `OWN_GRID`, each by the
objective at the end of one run with a seed that the comparison has not (`print_grids`). Ours takes more updates, since
they cost less: both sides have about the same seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from benchmarks.ppo import task
from benchmarks.ppo.job import Job
from benchmarks.ppo.turns import Row, Side, Spread, take_turns

UPDATES, OWN_UPDATES = 30, 60
SEEDS, GRID_SEED = (1, 2, 3), 4
WINDOW = 5
"""Updates over which a figure is averaged; one update's mean of 64 answers is noisy."""
Settings = dict[str, Any]
TRL_BEST: Settings = {"learning_rate": 3e-4, "lam": 1.0}
OWN_BEST: Settings = {"learning_rate": 3e-4, "update.minibatches": 8}
TRL_GRID = [TRL_BEST] + [{"learning_rate": rate, "lam": lam} for rate, lam in ((1e-3, 1.0), (3e-4, 0.95), (1e-3, 0.95))]
OWN_GRID = [
    OWN_BEST,
    {"learning_rate": 3e-4, "update.minibatches": 16},
    {"learning_rate": 6e-4, "update.minibatches": 4},
]
OWN_FIXED: Settings = {"update.epochs": 1, "update.gae_lambda": 1.0, "critic_learning_rate": None}
"""Our defaults where the task says other."""


def score(row: Row) -> float:
    return row["score"]


def objective(row: Row) -> float:
    """What PPO raises: the score less the penalty."""
    return row["score"] - task.SHARED["kl"] * row["kl"]


FIGURES: dict[str, Callable[[Row], float]] = {"score": score, "score - coefficient x KL": objective}


def print_outcome(own: Side, trl: Side, cache: str) -> None:
    """Each seed's figures, and the ratios over the seeds."""
    print(f"## Outcome: {UPDATES} updates of trl {TRL_BEST}, {OWN_UPDATES} of ours {OWN_BEST}; means of {WINDOW}\n")
    gains: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in SEEDS:
        own_job = job(seed, cache, OWN_FIXED | OWN_BEST, OWN_UPDATES)
        theirs, ours = take_turns([(trl, job(seed, cache, TRL_BEST)), (own, own_job)])
        for name, figure in FIGURES.items():
            level = max(means(theirs, figure))
            cost, own_cost = (cpu_until(rows, figure, level) for rows in (theirs, ours))
            assert cost is not None
            print(f"seed {seed}, {name}: {track(theirs, figure)} | ours {track(ours, figure)}")
            ends = [f"{means(rows[:UPDATES], figure)[-1]:.3f}" for rows in (theirs, ours)]
            print(f"    after {UPDATES} updates {' | ours '.join(ends)}")
            if own_cost is None:
                print(f"    ours never reached trl's best, {level:.3f}")
                gains[name].append(0.0)
            else:
                print(f"    trl's best, {level:.3f}, after {cost:.0f} CPU-s; ours after {own_cost:.0f}")
                gains[name].append(cost / own_cost)
    for name, values in gains.items():
        print(f"{name}: ours reaches trl's best {Spread.of(values)} times sooner")
    print()


def job(seed: int, cache: str, settings: Settings, updates: int = UPDATES) -> Job:
    return Job(updates=updates, cache=cache, reward="count", seed=seed, settings=settings)


def means(rows: Sequence[Row], figure: Callable[[Row], float]) -> list[float]:
    """The mean over each `WINDOW` successive updates."""
    values = [figure(row) for row in rows]
    return [sum(values[end - WINDOW : end]) / WINDOW for end in range(WINDOW, len(values) + 1)]


def cpu_until(rows: Sequence[Row], figure: Callable[[Row], float], level: float) -> float | None:
    """CPU seconds until a mean reached `level`; None if none did."""
    spent = list(accumulate(row["cpu"] for row in rows))[WINDOW - 1 :]
    return next((cpu for cpu, mean in zip(spent, means(rows, figure), strict=True) if mean >= level), None)


def track(rows: Sequence[Row], figure: Callable[[Row], float]) -> str:
    """The means of successive windows."""
    return " ".join(f"{mean:.2f}" for mean in means(rows, figure)[::WINDOW])


def print_grids(sides: Sequence[tuple[Side, Sequence[Settings], Settings]], cache: str) -> None:
    """The end of one run for each point of each side's grid."""
    for side, grid, fixed in sides:
        print(f"## Settings of {side.name}, seed {GRID_SEED}: the last {WINDOW} of {UPDATES} updates\n")
        for settings in grid:
            (rows,) = take_turns([(side, job(GRID_SEED, cache, fixed | settings))])
            last = {name: means(rows, figure)[-1] for name, figure in FIGURES.items()}
            print(f"{settings}: {', '.join(f'{name} {value:.3f}' for name, value in last.items())}", flush=True)
        print()
