"""One update of policy and critic from one batch of answers: epochs of minibatches, an optimizer step each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipeline.stages.ppo.advantages import gae, masked_moments, whiten, whitening_scale
from pipeline.stages.ppo.batches import Batch, Part, minibatch_rows
from pipeline.stages.ppo.config import Config, UpdateConfig
from pipeline.stages.ppo.layout import Layout, Packer
from pipeline.stages.ppo.learner import Learner
from pipeline.stages.ppo.losses import Loss, clipped_tokens, kl_loss, old_to_new_kl, policy_loss, value_loss
from pipeline.stages.ppo.metrics import Sums, add, add_loss, return_sums
from pipeline.stages.ppo.networks import Outputs
from pipeline.stages.ppo.pretraining import TextMix
from pipeline.stages.ppo.rewards import token_rewards
from pipeline.stages.ppo.rollout import Rollout
from pipeline.training.accelerator import accumulating, share_of, summed
from pipeline.training.engine import backward, take_step
from pipeline.training.strategy import strategy

if TYPE_CHECKING:
    from accelerate import Accelerator


def estimate(
    rollout: Rollout, scores: Tensor, kl_coefficient: float, config: Config, accelerator: Accelerator
) -> Batch:
    """The rollout with its advantages and returns; `scores` (batch,) are those after clipping and penalty."""
    in_loss, update = config.kl.estimator == "k2", config.update
    charged = 0.0 if in_loss else kl_coefficient
    rewards = token_rewards(scores, rollout.log_probs, rollout.ref_log_probs, rollout.mask, charged)
    advantages = gae(rewards, rollout.values, rollout.mask, update.discount, update.gae_lambda)
    returns = advantages + rollout.values
    # What the loss adds is divided by what the rewards are divided by: else whitening would change the price of it.
    scale = torch.ones((), device=rewards.device)
    if update.whiten_advantages:
        moments = summed(accelerator, masked_moments(advantages, rollout.mask))
        advantages, scale = whiten(advantages, rollout.mask, moments), whitening_scale(moments).to(scale.dtype)
    return Batch(
        rollout.prompt_ids, rollout.tokens, rollout.mask, rollout.log_probs, rollout.values, advantages, returns,
        rollout.ref_log_probs, kl_coefficient * scale if in_loss else None,
        update.entropy_coefficient * scale if update.entropy_coefficient else None, rollout.layouts,
    )  # fmt: skip


def objective(surrogate: Loss, outputs: Outputs, part: Part) -> Loss:
    """The surrogate and what else the policy pays for or earns in its loss, in the surrogate's units."""
    total = surrogate.total
    if part.kl_weight is not None:
        total = total + part.kl_weight * kl_loss(outputs.log_probs, part.ref_log_probs, part.mask, part.answers).total
    if part.entropy_weight is not None:
        assert outputs.entropy is not None
        total = total - part.entropy_weight * (outputs.entropy * part.mask).sum()
    return surrogate._replace(total=total)


class Updater:
    """Takes optimizer steps on batches of answers."""

    def __init__(
        self, policy: Learner, critic: Learner | None, config: UpdateConfig, packer: Packer, accelerator: Accelerator,
        value_weight: float = 0.0, text: TextMix | None = None,
    ) -> None:  # fmt: skip
        """`accelerator` is built with one accumulation step; micro-batches are accumulated here.

        Without a `critic` the values are the policy network's own, and their loss counts `value_weight` times. With
        `text` the policy is trained on it as well.
        """
        assert accelerator.gradient_accumulation_steps == 1
        self.policy = policy
        self.critic = critic
        self.config = config
        self.packer = packer
        self.value_weight = value_weight
        self.text = text
        self.accelerator = accelerator
        self.steps_per_update = config.epochs * config.minibatches

    def run(self, batch: Batch, first_row: int, seed: int, update: int, critic_alone: bool = False) -> Sums:
        """All epochs of an update over this process's rows, which start at `first_row` of the global batch.

        With `critic_alone` the policy is left as it is.

        Returns sums over this process: losses and the like over tokens and passes, gradient norms over steps, how many
        tokens and passes these were, steps taken, and `log_prob_mismatch`, the largest difference between the
        log-probabilities of sampling and of the first step.
        """
        sums = return_sums(batch.returns, batch.values, batch.mask)
        mismatch = 0.0
        for epoch in range(self.config.epochs):
            shares = minibatch_rows(len(batch.prompts), self.config.minibatches, first_row, [seed, update, epoch])
            for index, rows in enumerate(shares):
                whole = self.config.minibatches == 1
                layouts = batch.layouts if whole else self.packer.lay_out(batch.prompts, batch.tokens, batch.mask, rows)
                if self.text is not None and not critic_alone:
                    step = update * self.steps_per_update + epoch * self.config.minibatches + index
                    self._text_backward(self.text, step, sums)
                difference, went_far = self._step(batch, layouts, critic_alone, sums)
                mismatch = difference if epoch == index == 0 else mismatch
                if went_far:
                    return sums | {"log_prob_mismatch": mismatch}
        return sums | {"log_prob_mismatch": mismatch}

    def _step(self, batch: Batch, layouts: Sequence[Layout], critic_alone: bool, sums: Sums) -> tuple[float, bool]:
        """One optimizer step of each network.

        Returns the largest change of a log-probability since sampling, and whether the policy is so far from the one
        that sampled that no step was taken.
        """
        # The count is over all processes and known before the first backward: a token weighs the same wherever it is.
        own, count = self._tokens_of(layouts)
        largest, moved = torch.zeros((), device=batch.mask.device), torch.zeros((), device=batch.mask.device)
        for index, layout in enumerate(layouts):
            part, last = batch.part(layout), index == len(layouts) - 1
            if not critic_alone:
                log_probs = self._policy_backward(layout, part, count, last, sums)
                largest = torch.maximum(largest, (log_probs - part.log_probs).abs().max())
                moved += old_to_new_kl(log_probs, part.log_probs, part.mask)
            if self.critic is not None:
                self._critic_backward(self.critic, layout, part, count, last, sums)
        for _ in range(self._passes_of_others(len(layouts))):
            self._idle(layouts[-1], count, critic_alone)
        add(sums, {"tokens_trained": own, "approx_kl": moved})
        went_far = "optimizer_steps" in sums and self._is_far(moved, count)
        self._finish(critic_alone, went_far, sums)
        return float(largest), went_far

    def _finish(self, critic_alone: bool, went_far: bool, sums: Sums) -> None:
        """Take the step of each network that learns, or forget its gradient."""
        learners = {"policy": None if critic_alone else self.policy, "critic": self.critic}
        for name, learner in learners.items():
            if learner is not None and went_far:
                learner.optimizer.zero_grad()
            elif learner is not None:
                add(sums, {f"{name}_grad_norm": self._apply(learner)})
        add(sums, {"optimizer_steps": 0.0 if went_far else 1.0})

    def _is_far(self, moved: Tensor, count: Tensor) -> bool:
        """Whether the KL from the policy that sampled, over all processes, is above the limit."""
        limit = self.config.max_approx_kl
        if limit is None:
            return False
        return float(self._over_processes(moved) / count) > limit

    def _policy_backward(self, layout: Layout, part: Part, count: Tensor, last: bool, sums: Sums) -> Tensor:
        clip_range = self.config.clip_range
        with accumulating(self.accelerator, self.policy.network, last):
            outputs: Outputs = self.policy.network(layout)
            loss = policy_loss(outputs.log_probs, part.log_probs, part.advantages, part.mask, clip_range)
            total = objective(loss, outputs, part)
            if outputs.values is not None:
                value = value_loss(outputs.values, part.values, part.returns, part.mask, self.config.value_clip_range)
                add_loss(sums, "value_loss", value)
                total = total._replace(total=total.total + self.value_weight * value.total)
            self._backward(self.policy, total, count)
        log_probs = outputs.log_probs.detach()
        add_loss(sums, "policy_loss", loss)
        clipped = clipped_tokens(log_probs, part.log_probs, part.advantages, part.mask, clip_range)
        add(sums, {"clip_fraction": clipped})
        return log_probs

    def _text_backward(self, text: TextMix, step: int, sums: Sums) -> None:
        """The gradient of the text's loss, which the policy's own is added to."""
        accelerator = self.accelerator
        layouts = text.layouts(step, self.packer, *share_of(accelerator), accelerator.device)
        own, count = self._tokens_of(layouts)
        add(sums, {"text_tokens": own, "text_loss": 0.0})
        for layout in layouts:
            # It crosses processes with the policy's.
            with accumulating(accelerator, self.policy.network, last=False):
                outputs: Outputs = self.policy.network(layout, text=True)
                loss = Loss(-outputs.log_probs.sum(), count)
                self._backward(self.policy, loss._replace(total=text.coefficient * loss.total), count)
            add_loss(sums, "text_loss", loss)
        for _ in range(self._passes_of_others(len(layouts))):
            outputs = self.policy.network(layouts[-1], text=True)
            self._backward(self.policy, Loss(0.0 * outputs.log_probs.sum(), count), count)

    def _critic_backward(
        self, critic: Learner, layout: Layout, part: Part, count: Tensor, last: bool, sums: Sums
    ) -> None:
        with accumulating(self.accelerator, critic.network, last):
            values = critic.network(layout)
            loss = value_loss(values, part.values, part.returns, part.mask, self.config.value_clip_range)
            self._backward(critic, loss, count)
        add_loss(sums, "value_loss", loss)

    def _tokens_of(self, layouts: Sequence[Layout]) -> tuple[Tensor, Tensor]:
        """How many tokens the layouts predict: this process's, and those of all."""
        own = torch.tensor(float(sum(len(layout.places) for layout in layouts)), device=self.accelerator.device)
        return own, self._over_processes(own)

    def _over_processes(self, own: Tensor) -> Tensor:
        return summed(self.accelerator, own)

    def _passes_of_others(self, own: int) -> int:
        """Passes that another process takes beyond this one's `own`.

        Where training is sharded every process takes part in each: they exchange parts of weights or gradients in it.
        """
        if not strategy().shards or share_of(self.accelerator)[1] == 1:
            return 0
        counts = self.accelerator.gather(torch.tensor([own], device=self.accelerator.device))
        assert isinstance(counts, Tensor)
        return int(counts.max()) - own

    def _idle(self, layout: Layout, count: Tensor, critic_alone: bool) -> None:
        """A pass of each network in the order of `_step`, to the same weights, that changes nothing."""
        if not critic_alone:
            outputs: Outputs = self.policy.network(layout)
            found = outputs.log_probs if outputs.values is None else outputs.log_probs + outputs.values
            self._backward(self.policy, Loss(0.0 * found.sum(), count), count)
        if self.critic is not None:
            self._backward(self.critic, Loss(0.0 * self.critic.network(layout).sum(), count), count)

    def _backward(self, learner: Learner, loss: Loss, count: Tensor) -> None:
        # Data parallelism averages gradients over processes; multiplying by their number makes the average a sum.
        backward(learner.network, loss.total / count * share_of(self.accelerator)[1], self.accelerator)

    def _apply(self, learner: Learner) -> float:
        """Clip the gradient, take the step, and return the norm before clipping."""
        limit = self.config.max_grad_norm or float("inf")
        return float(take_step(learner.network, [learner.optimizer], learner.trained, limit, self.accelerator))
