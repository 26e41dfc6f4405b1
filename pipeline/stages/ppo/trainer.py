"""The loop of PPO: answers, advantages, an update, a line of figures.

Nothing is drawn from a generator with a state: prompts, uniforms and minibatches are functions of the seed and of the
number of the update. So the state, which `resuming` keeps, is the weights, the optimizers, two counters, the KL
coefficient and the moments of the scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from pipeline.core.errors import StageError
from pipeline.stages.ppo import metrics
from pipeline.stages.ppo.advantages import masked_moments, whiten
from pipeline.stages.ppo.batches import Batch
from pipeline.stages.ppo.kl_control import adapted
from pipeline.stages.ppo.layout import Packer
from pipeline.stages.ppo.learner import Learner, make_learner
from pipeline.stages.ppo.networks import Critic, Policy, TrainedPolicy, packed_width, reference_of
from pipeline.stages.ppo.phases import Phases
from pipeline.stages.ppo.pretraining import Documents, TextMix
from pipeline.stages.ppo.prompts import Prompt, prompt_of_episode
from pipeline.stages.ppo.rewards import episode_scores
from pipeline.stages.ppo.rollout import Rollout, Sampler, collect, responses_of
from pipeline.stages.ppo.scoring import Score
from pipeline.stages.ppo.update import Updater, estimate
from pipeline.training.accelerator import share_of, summed
from pipeline.training.memory import is_out_of_memory
from pipeline.training.parts import own_part
from pipeline.training.whole import Whole

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pipeline.models.scoring import RewardScorer
    from pipeline.stages.ppo.config import Config
    from pipeline.stages.ppo.scoring import Truth

OF_TOKENS = ("policy_loss", "value_loss", "clip_fraction", "approx_kl")
OF_STEPS = ("policy_grad_norm", "critic_grad_norm")
"""Figures of the updates: means over the tokens of all passes, and over optimizer steps."""

MISMATCH_LIMIT = 1e-3
"""In float32 the sampler's log-probabilities and the training forward's differ by about 1e-6."""

CRITIC_FACTOR = 3.0
"""The critic's learning rate in units of the policy's, when the config leaves it out."""

VALUE_WEIGHT = 0.1
"""Weight of the values' loss where the critic is a head on the policy, when the config leaves it out."""


@dataclass(frozen=True)
class Environment:
    """What the policy acts in."""

    prompts: Sequence[Prompt]
    score: Score
    sampler: Sampler
    truth: Truth | None = None
    """True figures of answers, where they are known; logged only."""
    documents: Documents = ()
    """Running text, where the config asks for it."""
    scorer: RewardScorer | None = None
    """The reward model, where a critic could start from it."""


class Trainer:
    """Policy, critic, reference and their optimizers, taken from update to update."""

    def __init__(
        self, config: Config, policy: Policy, critic: Critic, environment: Environment, seed: int,
        accelerator: Accelerator, micro_batch_tokens: int,
    ) -> None:  # fmt: skip
        """The reference is `policy` as it is now."""
        self.config = config
        self.environment = environment
        self.seed = seed
        self.accelerator = accelerator
        self.policy = policy.to(accelerator.device).eval()
        self.critic = critic.to(accelerator.device).eval()
        self.reference = reference_of(self.policy)
        self.shared = self.critic.is_head_of(self.policy)
        self.packer = Packer(micro_batch_tokens, policy.pad_id, packed_width(self.policy, self.critic))
        self.policy_network = TrainedPolicy(
            self.policy, entropy=config.update.entropy_coefficient > 0, critic=self.critic if self.shared else None
        )
        learned = [self.policy.trained(), self.critic.head.parameters() if self.shared else self.critic.trained()]
        self.trained = {"policy": list(learned[0]), "critic": list(learned[1])}
        both = [*self.trained["policy"], *self.trained["critic"]]
        self._whole_policy, self._whole_critic = Whole(self.policy_network), Whole(self.critic)
        make = partial(make_learner, all_trained=both, config=config, accelerator=accelerator)
        self.policy_learner = make(self.policy_network, both if self.shared else self.trained["policy"])
        self.critic_learner = None if self.shared else make(self.critic, self.trained["critic"])
        self.updater = Updater(
            self.policy_learner, self.critic_learner, config.update, self.packer, accelerator,
            VALUE_WEIGHT if config.critic.loss_weight is None else config.critic.loss_weight, self._text(),
        )  # fmt: skip
        self.update = 0
        self.tokens = 0
        self.phases = Phases()
        self.kl_coefficient = config.kl_coefficient
        self.score_moments = torch.zeros(3, dtype=torch.float64, device=accelerator.device)

    def _text(self) -> TextMix | None:
        mix = self.config.update.pretraining
        return mix and TextMix(self.environment.documents, mix.documents, mix.coefficient, self.seed)

    def readers(self) -> tuple[Policy, Critic]:
        """The policy and the critic as they are now, with all their weights: answers are sampled and read by them.

        Copies, where training shards the weights: processes sample as many tokens as their own answers have, and could
        not fetch each other's parts in step. Every process calls it.
        """
        network = self._whole_policy.of(self.policy_network)
        if self.shared:
            assert network.critic is not None
            return network.policy, network.critic
        return network.policy, self._whole_critic.of(self.critic)

    def step(self) -> dict[str, Any]:
        """One update; its figures, the same on every process.

        Raises:
            StageError: when a figure is not finite, or sampling and training disagree on a probability.
        """
        learning_rates = self._set_learning_rates()
        rollout = self._collect()
        scores = self._scores(rollout)
        with self.phases.phase("update"):
            batch = estimate(rollout, scores, self.kl_coefficient, self.config, self.accelerator)
            first_row = share_of(self.accelerator)[0] * len(rollout.prompts)
            warming = self.update < self.config.critic.warmup_steps
            sums = self._learn(batch, first_row, warming)
        mismatch = self._largest(max(rollout.mismatch, float(sums.pop("log_prob_mismatch"))))
        totals = metrics.reduce_sums(
            self._rollout_sums(rollout) | metrics.sums_of("reward", scores) | sums, self.accelerator
        )
        self.update += 1
        self.tokens += round(totals["tokens"])
        figures = {"step": self.update, "tokens": self.tokens, **self._figures(totals), **learning_rates}
        figures |= {"distinct": self._distinct(rollout)}
        figures |= {"kl_coefficient": self.kl_coefficient, "log_prob_mismatch": mismatch}
        self._require_sound(figures)
        self._adapt(figures["kl"])
        return figures

    def _scores(self, rollout: Rollout) -> torch.Tensor:
        """(batch,): the scores that the answers are paid for."""
        how, scores = self.config.scores, rollout.scores
        if how.normalize:
            every = torch.ones_like(scores)
            self.score_moments = self.score_moments + summed(self.accelerator, masked_moments(scores, every))
            scores = whiten(scores, every, self.score_moments)
        return episode_scores(scores, rollout.ended, how.clip, how.missing_end_penalty)

    def _adapt(self, kl: float) -> None:
        """Move the coefficient of the KL divergence, where it moves, for the next update."""
        how = self.config.kl.adaptive
        if how is not None:
            answers = self.config.global_batch_size
            self.kl_coefficient = adapted(self.kl_coefficient, kl, how.target, answers, how.horizon)

    def _learn(self, batch: Batch, first_row: int, critic_alone: bool) -> metrics.Sums:
        try:
            return self.updater.run(batch, first_row, self.seed, self.update, critic_alone)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise StageError(
                f"ppo: update {self.update + 1}: out of memory with passes of {self.packer.micro_batch_tokens} tokens; "
                "lower runtime.micro_batch or sampling.max_new_tokens, and the same command goes on from the last "
                "checkpoint"
            ) from None

    def own_episodes(self) -> list[int]:
        """The part of the update's episodes that falls to this process."""
        part, parts = share_of(self.accelerator)
        share = self.config.global_batch_size // parts
        first = self.update * self.config.global_batch_size + part * share
        return list(range(first, first + share))

    def _collect(self) -> Rollout:
        episodes = self.own_episodes()
        prompts = self.environment.prompts
        policy, critic = self.readers()
        return collect(
            policy, self.reference, critic, self.environment.score, self.environment.sampler,
            [prompts[prompt_of_episode(episode, len(prompts), self.seed)] for episode in episodes],
            episodes, self.packer, self.accelerator, self.phases,
        )  # fmt: skip

    def _set_learning_rates(self) -> dict[str, float]:
        share = 1 - self.update / self.config.steps if self.config.optimizer.schedule == "linear" else 1.0
        policy = share * self.config.learning_rate
        self.policy_learner.set_learning_rate(policy)
        if self.critic_learner is None:
            return {"learning_rate": policy}
        critic = share * (self.config.critic_learning_rate or CRITIC_FACTOR * self.config.learning_rate)
        self.critic_learner.set_learning_rate(critic)
        return {"learning_rate": policy, "critic_learning_rate": critic}

    def _rollout_sums(self, rollout: Rollout) -> metrics.Sums:
        sums = metrics.rollout_sums(rollout)
        if self.environment.truth is not None:
            figures = self.environment.truth(rollout.prompts, responses_of(rollout.tokens, rollout.mask))
            for name, values in figures.items():
                sums |= metrics.sums_of(name, values)
        return sums

    def _figures(self, totals: dict[str, float]) -> dict[str, float]:
        passes = totals["tokens_trained"]
        # Gradients, unlike tokens, are already those of all processes: their sum and that of the steps are as many
        # times too large.
        steps = totals["optimizer_steps"]
        text = {"text_loss": totals["text_loss"] / totals["text_tokens"]} if "text_tokens" in totals else {}
        return {
            **metrics.answer_figures(totals),
            **text,
            "explained_variance": metrics.explained_variance(totals),
            # What does not learn has no loss: the policy while the critic warms up.
            **{name: totals[name] / passes for name in OF_TOKENS if name in totals},
            **{name: totals[name] / steps for name in OF_STEPS if name in totals},
            "optimizer_steps": steps / share_of(self.accelerator)[1],
        }

    def _distinct(self, rollout: Rollout) -> float:
        """The share of the update's answers, over all processes, that are different from one another."""
        own = [hash(tuple(response)) for response in responses_of(rollout.tokens, rollout.mask)]
        every = self.accelerator.gather(torch.tensor(own, dtype=torch.int64, device=self.accelerator.device))
        assert isinstance(every, torch.Tensor)
        return len(set(every.tolist())) / self.config.global_batch_size

    def _largest(self, value: float) -> float:
        values = self.accelerator.gather(torch.tensor([value], dtype=torch.float64, device=self.accelerator.device))
        assert isinstance(values, torch.Tensor)
        return float(values.max())

    def _require_sound(self, figures: dict[str, Any]) -> None:
        bad = [name for name, figure in figures.items() if not math.isfinite(figure)]
        if bad:
            raise StageError(
                f"ppo: update {self.update}: {', '.join(bad)} is not a finite number; lower learning_rate, or look at "
                "what the reward returns"
            )
        if self.accelerator.mixed_precision == "no" and figures["log_prob_mismatch"] > MISMATCH_LIMIT:
            raise StageError(
                f"ppo: update {self.update}: sampling and training differ by {figures['log_prob_mismatch']:.2g} nats "
                f"in a token's log-probability (limit {MISMATCH_LIMIT}); the model computes something else with its "
                "cache or with padding than in a plain forward pass"
            )

    def bytes(self) -> int:
        """Size of the trained parameters."""
        return sum(weights.nbytes for part in self.trained.values() for weights in part)

    def state_bytes(self) -> int:
        """Weights of all models, those that several share counted once, and the optimizers' states, on this process.

        Without those of reward models from which no critic can start.
        """
        networks: list[torch.nn.Module] = [self.policy, self.critic, self.reference]
        networks += [] if self.environment.scorer is None else [self.environment.scorer.model]
        weights = {id(part): own_part(part).nbytes for network in networks for part in network.parameters()}
        states = [state for _, learner in self.learners() for state in learner.optimizer.state.values()]
        return sum(weights.values()) + sum(own_part(part).nbytes for state in states for part in state.values())

    def learners(self) -> list[tuple[str, Learner]]:
        """What is sharded; a critic that is a head on the policy is sharded with it."""
        learners = {"policy": self.policy_learner, "critic": self.critic_learner}
        return [(name, learner) for name, learner in learners.items() if learner is not None]
