"""CPU seconds a token with AdamW, compiled and not, beside the peers; and the share of the machine's peak."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from statistics import median

from benchmarks.pretrain.steps import MODELS, SHAPES, peak_flops
from benchmarks.pretrain.turns import Contestant, take_turns

TURNS = 5
STEPS = {"0.8M": 20, "10M": 2, "50M": 1}
"""Of a turn."""


def compare(nanogpt: Path) -> None:
    """Print a table a shape: microseconds a token, nanoGPT's eager cost as 1, share of the peak."""
    print("\nCost per token: AdamW on random tokens, one thread; medians of five turns")
    for shape, size in SHAPES.items():
        peak = peak_flops()
        turn, contestants = STEPS[shape], []
        for model, compiled in product(MODELS, (False, True)):
            how = {"contestant": model, "shape": shape, "compiled": compiled, "nanogpt": str(nanogpt)}
            contestants.append(
                Contestant(f"{model}{', compiled' if compiled else ''}", {**how, "steps": turn * TURNS, "turn": turn})
            )
        take_turns(contestants)
        print(f"{shape}: {size.layers} layers of {size.width}, {size.batch} x {size.context} tokens; "
              f"peak {peak / 1e9:.0f} GFLOP/s")  # fmt: skip
        base = median(_per_step(contestants[0], turn))
        for contestant in contestants:
            taken = _per_step(contestant, turn)
            ratios = sorted(mine / theirs for mine, theirs in zip(taken, _per_step(contestants[0], turn), strict=True))
            print(f"  {contestant.name:<18}{median(taken) / size.tokens * 1e6:8.1f} us/token "
                  f"{median(taken) / base:6.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"
                  f"{size.flops / median(taken) / peak:8.0%} of peak", flush=True)  # fmt: skip


def _per_step(contestant: Contestant, turn: int) -> list[float]:
    totals = [0.0, *(line["cpu"] for line in contestant.lines)]
    return [(after - before) / turn for before, after in pairwise(totals)]
