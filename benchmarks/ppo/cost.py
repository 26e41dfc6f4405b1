"""Cost per answer, use of the processor and memory, by turns on short and on full answers."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.ppo import task
from benchmarks.ppo.job import Job
from benchmarks.ppo.turns import Row, Side, Spread, ratios, take_turns

WARM = 1
"""Turns before those that count: allocations, the optimizer's state."""
KINDS = ("short", "full")


def print_cost(own: Side, trl: Side | None, cache: str, turns: int) -> None:
    """Both kinds, a line for each side and the ratio."""
    print(f"## Cost of an answer: {turns} turns of {task.BATCH} answers, {task.EPOCHS} epochs of one step\n")
    for kind in KINDS:
        job = Job(updates=WARM + turns, cache=cache, kind=kind)
        sides = [own] if trl is None else [own, trl]
        made = [rows[WARM:] for rows in take_turns([(side, job) for side in sides])]
        for side, rows in zip(sides, made, strict=True):
            print(f"{kind:<6}{side.name:<10}{describe(rows)}")
        use = Spread.of([row["update_flops"] / row["phases"]["update"] / row["peak_flops"] for row in made[0]])
        print(f"{kind:<6}ours      the update uses {use} of one thread's peak, on what is not padding")
        if trl is not None:
            print(f"{kind:<6}trl / ours: {ratios(made[1], made[0])}")
        for side, rows in zip(sides, made, strict=True):
            print(f"{kind:<6}{side.name:<10}{memory(rows)}")
        print()


def describe(rows: Sequence[Row]) -> str:
    """Answers per CPU second and where the time goes."""
    speed = Spread.of([task.BATCH / row["cpu"] for row in rows])
    length = sum(row["response_length"] for row in rows) / len(rows)
    steps = {row["optimizer_steps"] for row in rows}
    phases = {phase: median(row["phases"].get(phase, 0.0) for row in rows) for phase in rows[0]["phases"]}
    shares = ", ".join(f"{phase} {seconds:.3f}" for phase, seconds in phases.items())
    return f"{speed} answers per CPU-s; {length:.0f} tokens; steps {steps}; CPU-s: {shares}"


def memory(rows: Sequence[Row]) -> str:
    """Copies of weights, and the process's peak."""
    copies = ", ".join(f"{name} {size / 2**20:.1f}" for name, size in rows[-1]["copies"].items())
    return f"peak {rows[-1]['peak_bytes'] / 2**20:.0f} MiB; weights and optimizer states, MiB: {copies}"
