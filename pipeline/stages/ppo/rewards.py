"""From scores and log-probabilities to the reward of every token. Tensors in, tensors out.

Shapes: scores and `ended` are (batch,); everything else is (batch, length), `mask` 1 on response tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kl_penalty(log_probs: Tensor, ref_log_probs: Tensor, mask: Tensor) -> Tensor:
    """The k1 estimate of the KL divergence from the reference at every token, in nats; its expectation is the KL.

    Summed over an answer it is log policy(answer) - log reference(answer). In the reward only k1 has the right
    gradient: k2 and k3 (http://joschu.net/blog/kl-approx.html) estimate the same number, but not its slope.
    """
    return (log_probs - ref_log_probs) * mask


def episode_scores(scores: Tensor, ended: Tensor, clip: float | None, missing_end_penalty: float) -> Tensor:
    """Scores held within plus or minus `clip`, less the penalty where the answer did not end; (batch,)."""
    held = scores if clip is None else scores.clamp(-clip, clip)
    return held - missing_end_penalty * (~ended).to(scores.dtype)


def last_positions(mask: Tensor) -> Tensor:
    """The column of each row's last response token; (batch,)."""
    # It need not be the last column, because rows are padded on the right.
    return mask.long().sum(dim=1) - 1


def token_rewards(
    scores: Tensor, log_probs: Tensor, ref_log_probs: Tensor, mask: Tensor, kl_coefficient: float
) -> Tensor:
    """Each token pays for its KL; the last one, which ends the answer, also earns the answer's score."""
    rewards = -kl_coefficient * kl_penalty(log_probs, ref_log_probs, mask)
    rows = torch.arange(len(scores), device=scores.device)
    return rewards.index_put((rows, last_positions(mask)), scores.to(rewards.dtype), accumulate=True)
