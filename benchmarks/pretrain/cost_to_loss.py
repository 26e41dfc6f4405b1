"""CPU seconds to nanoGPT's loss on characters: nanoGPT, a tuned Trainer with a Llama, and the shipped recipe."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.pretrain.turns import Contestant, alone, take_turns

TURN = 50
"""Steps of a turn: a few seconds."""


def compare(text: Path, nanogpt: Path, seeds: list[int]) -> None:
    """Print a line for each seed, and the ratios with their spread."""
    rows = []
    print("\nCost to a loss: characters, 0.8 M parameters, one thread; CPU seconds, and nats/char of the judge's part")
    print(f"{'seed':>4}  {'nanoGPT':>15}  {'Trainer + Llama':>15}  {'ours, warm':>15}  {'ours, cold':>15}")
    with tempfile.TemporaryDirectory() as cache:
        cold = _cold(text, seeds[0], cache)
        for seed in seeds:
            row = race(text, nanogpt, seed, cache)
            rows.append(row)
            cells = [f"{row[name]['cpu']:7.1f} {row[name]['loss']:7.4f}" for name in ("nanogpt", "trainer", "ours")]
            print(
                f"{seed:>4}  " + "  ".join(cells) + (f"  {cold['cpu']:7.1f} {cold['loss']:7.4f}" if cold else ""),
                flush=True,
            )
            cold = {}
    for peer, name in (("nanogpt", "nanoGPT"), ("trainer", "Trainer + Llama")):
        ratios = [row[peer]["cpu"] / row["ours"]["cpu"] for row in rows]
        print(f"{name} costs {mean(ratios):.2f} times ours [{min(ratios):.2f}, {max(ratios):.2f}]")
    target = mean(row["nanogpt"]["loss"] for row in rows)
    for name in ("trainer", "ours"):
        reached = mean(row[name]["loss"] for row in rows)
        print(f"{name}: {reached:.4f}, {'at or below' if reached <= target else 'ABOVE'} nanoGPT's {target:.4f}")


def race(text: Path, nanogpt: Path, seed: int, cache: str) -> dict[str, dict[str, Any]]:
    """One seed: the three in turns; the compiled graph of ours is in `cache`."""
    contestants = [
        Contestant("nanogpt", task("nanogpt", text, seed, folder=str(nanogpt))),
        Contestant("trainer", task("trainer", text, seed)),
        Contestant("ours", task("ours", text, seed), {"TORCHINDUCTOR_CACHE_DIR": cache}),
    ]
    take_turns(contestants)
    return {contestant.name: contestant.last for contestant in contestants}


def _cold(text: Path, seed: int, cache: str) -> dict[str, Any]:
    """Ours where nothing is compiled yet; it leaves its graph in `cache`."""
    return alone(Contestant("ours", task("ours", text, seed), {"TORCHINDUCTOR_CACHE_DIR": cache}))


def task(contestant: str, text: Path, seed: int, tuning: bool = False, **settings: Any) -> dict[str, Any]:
    """What a worker is told."""
    return {
        "contestant": contestant, "text": str(text), "seed": seed, "turn": TURN, "tuning": tuning, "settings": settings,
    }  # fmt: skip
