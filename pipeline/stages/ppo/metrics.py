"""Figures of one update, from sums over all processes: of the answers, of the advantages, of the optimizer's steps.

Everything is first a sum, because processes, minibatches and micro-batches differ in size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.stages.ppo.losses import Loss
from pipeline.stages.ppo.rewards import kl_penalty
from pipeline.stages.ppo.rollout import Rollout
from pipeline.training.accelerator import summed

if TYPE_CHECKING:
    from accelerate import Accelerator

Sums = dict[str, Tensor | float]


def sums_of(name: str, values: Tensor | Sequence[float]) -> Sums:
    """What mean and standard deviation of one figure per answer are made of."""
    values = torch.as_tensor(values, dtype=torch.float64)
    return {name: values.sum(), f"{name}^2": values.square().sum()}


def rollout_sums(rollout: Rollout) -> Sums:
    """Sums over this process's answers."""
    kl = kl_penalty(rollout.log_probs, rollout.ref_log_probs, rollout.mask).sum(dim=1)
    lengths = rollout.mask.double().sum(dim=1)
    return {
        "episodes": float(len(rollout.scores)),
        "tokens": lengths.sum(),
        "length^2": lengths.square().sum(),
        "score x length": (rollout.scores.double() * lengths).sum(),
        "ended": rollout.ended.double().sum(),
        "log_probs": rollout.log_probs.double().sum(),
        **sums_of("score", rollout.scores),
        **sums_of("kl", kl),
        **{f"score_of_{name}": float(sum(values)) for name, values in rollout.each_score.items()},
    }


def return_sums(returns: Tensor, values: Tensor, mask: Tensor) -> Sums:
    """What the critic's explained variance is made of."""
    error = (returns - values) * mask
    return {**sums_of("returns", returns * mask), **sums_of("value_error", error)}


def add(sums: Sums, more: Mapping[str, Tensor | float]) -> None:
    """Add `more` to `sums`, name by name."""
    for name, value in more.items():
        sums[name] = sums.get(name, 0.0) + value


def add_loss(sums: Sums, name: str, loss: Loss) -> None:
    """Add a loss, summed over tokens."""
    add(sums, {name: loss.total.detach().double()})


def reduce_sums(sums: Sums, accelerator: Accelerator) -> dict[str, float]:
    """The sums over all processes; every process passes the same names in the same order."""
    values = torch.tensor([float(value) for value in sums.values()], dtype=torch.float64, device=accelerator.device)
    return dict(zip(sums, summed(accelerator, values).tolist(), strict=True))


def mean_and_error(sums: Mapping[str, float], name: str) -> tuple[float, float]:
    """Mean over answers of one figure, and its standard error."""
    count = sums["episodes"]
    mean = sums[name] / count
    variance = max(sums[f"{name}^2"] / count - mean * mean, 0.0)
    return mean, math.sqrt(variance / max(count - 1, 1))


def answer_figures(sums: Mapping[str, float]) -> dict[str, float]:
    """What is logged of the answers, from sums over all processes.

    The entropy is estimated from the tokens that were sampled: its mean over them is minus their log-probability.
    """
    kl, kl_error = mean_and_error(sums, "kl")
    score, score_error = mean_and_error(sums, "score")
    others = {
        name: sums[name] / sums["episodes"]
        for name in sums
        if name.startswith(("true_", "score_of_")) and not name.endswith("^2")
    }
    return {
        "score": score,
        "score_error": score_error,
        **others,
        "kl": kl,
        "kl_error": kl_error,
        "entropy": -sums["log_probs"] / sums["tokens"],
        "response_length": sums["tokens"] / sums["episodes"],
        "score_per_token": score_per_token(sums),
        "ended": sums["ended"] / sums["episodes"],
    }


def score_per_token(sums: Mapping[str, float]) -> float:
    """By how much more an answer scores that is a token longer: the slope over the answers; 0 where all are as long."""
    count = sums["episodes"]
    variance = sums["length^2"] / count - (sums["tokens"] / count) ** 2
    covariance = sums["score x length"] / count - sums["score"] / count * sums["tokens"] / count
    return covariance / variance if variance > 1e-9 else 0.0


def explained_variance(sums: Mapping[str, float]) -> float:
    """Share of the returns' variance over tokens that the critic foresaw; 0 where the returns do not vary."""

    def variance(name: str) -> float:
        return sums[f"{name}^2"] / sums["tokens"] - (sums[name] / sums["tokens"]) ** 2

    returns = variance("returns")
    return 1 - variance("value_error") / returns if returns > 1e-12 else 0.0
