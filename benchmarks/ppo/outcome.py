"""What is learned for the CPU seconds, on the reward `count`: how much sooner ours reaches what trl reaches.

Both sides may use their own settings: those of trl are the best of `TRL_GRID`, ours those of `OWN_GRID`, each by the
objective at the end of one run with seed 1 (`print_grids`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, product
from typing import Any

from benchmarks.ppo import task
from benchmarks.ppo.job import Job
from benchmarks.ppo.turns import Row, Side, Spread, take_turns

UPDATES = 30
SEEDS = (1, 2, 3)
WINDOW = 5
"""Updates over which a figure is averaged; one update's mean of 64 answers is noisy."""
TRL_GRID = {"learning_rate": [3e-4, 1e-3], "lr_scheduler_type": ["constant", "linear"]}
OWN_GRID = {"learning_rate": [3e-4, 1e-3], "optimizer.schedule": ["constant", "linear"], "update.minibatches": [1, 4]}
TRL_BEST: dict[str, Any] = {"learning_rate": 3e-4, "lr_scheduler_type": "constant"}
OWN_BEST: dict[str, Any] = {"learning_rate": 3e-4, "optimizer.schedule": "constant", "update.minibatches": 1}


def score(row: Row) -> float:
    return row["score"]


def objective(row: Row) -> float:
    """What PPO raises: the score less the penalty."""
    return row["score"] - task.SHARED["kl"] * row["kl"]


FIGURES: dict[str, Callable[[Row], float]] = {"score": score, "score - coefficient x KL": objective}


def print_outcome(own: Side, trl: Side, cache: str) -> None:
    """Each seed's figures, and the ratios over the seeds."""
    print(f"## Outcome: {UPDATES} updates, means of {WINDOW}; trl {TRL_BEST}, ours {OWN_BEST}\n")
    gains: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in SEEDS:
        theirs, ours = take_turns([(trl, job(seed, cache, TRL_BEST)), (own, job(seed, cache, OWN_BEST))])
        for name, figure in FIGURES.items():
            level = max(means(theirs, figure))
            cost, own_cost = (cpu_until(rows, figure, level) for rows in (theirs, ours))
            assert cost is not None
            print(f"seed {seed}, {name}: {track(theirs, figure)} | ours {track(ours, figure)}")
            if own_cost is None:
                print(f"    ours never reached trl's best, {level:.3f}")
                gains[name].append(0.0)
            else:
                print(f"    trl's best, {level:.3f}, after {cost:.0f} CPU-s; ours after {own_cost:.0f}")
                gains[name].append(cost / own_cost)
    for name, values in gains.items():
        print(f"{name}: ours reaches trl's best {Spread.of(values)} times sooner")
    print()


def job(seed: int, cache: str, settings: dict[str, Any]) -> Job:
    return Job(updates=UPDATES, cache=cache, reward="count", seed=seed, settings=settings)


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


def print_grids(sides: Sequence[tuple[Side, dict[str, list[Any]]]], cache: str) -> None:
    """The end of one run for each point of each side's grid."""
    for side, grid in sides:
        print(f"## Settings of {side.name}, seed {SEEDS[0]}: the last {WINDOW} of {UPDATES} updates\n")
        for point in product(*grid.values()):
            settings = dict(zip(grid, point, strict=True))
            (rows,) = take_turns([(side, job(SEEDS[0], cache, settings))])
            last = {name: means(rows, figure)[-1] for name, figure in FIGURES.items()}
            print(f"{settings}: {', '.join(f'{name} {value:.3f}' for name, value in last.items())}", flush=True)
        print()
