"""The policy and the critic as modules that map a layout of answers to one number per response token, flat.

They are modules of their own so that data parallelism sees one forward pass. There is no dropout: the trainer keeps
every model in evaluation mode.
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipeline.stages.ppo.layout import Layout, keeps_packed_rows_apart

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pipeline.models.scoring import RewardScorer
    from pipeline.stages.ppo.config import Config
    from pipeline.training.adapters import Switch
    from pipeline.training.lora import LoraConfig

CRITIC = "critic"
"""The name of the critic's adapter."""


class Outputs(NamedTuple):
    """What one forward pass of training gives of each response token; tensors are (n,), in float32."""

    log_probs: Tensor
    entropy: Tensor | None
    """Of the distribution that the token was drawn from, in nats; None where it was not asked for."""
    values: Tensor | None = None
    """None where the critic has a network of its own."""


class Policy(nn.Module):
    """Log-probability of every response token under a causal language model."""

    def __init__(
        self, model: PreTrainedModel, temperature: float, pad_id: int, adapters: Switch | None = None, *,
        adapted: bool = True,
    ) -> None:  # fmt: skip
        """Wrap `model`, which keeps its own weights.

        `adapters`: those beside its layers, of which the first is trained in place of its weights; it is on unless not
        `adapted`.
        """
        super().__init__()
        self.model = model
        self.temperature = temperature
        self.pad_id = pad_id
        self.adapters = adapters
        self.adapted = adapted

    def using(self) -> AbstractContextManager[None]:
        """The model as this policy reads it."""
        return nullcontext() if self.adapters is None or self.adapted else self.adapters.only()

    def trained(self) -> list[nn.Parameter]:
        """What training changes."""
        return list(self.model.parameters()) if self.adapters is None else self.adapters.weights()

    def forward(self, layout: Layout) -> Tensor:
        """Log-probabilities at the sampling temperature, (n,), in float32."""
        return -cross_entropy(self.read(layout)[0], layout.tokens, reduction="none")

    def read(self, layout: Layout, *, states: bool = False) -> tuple[Tensor, Tensor | None]:
        """Of every response token the logits (n, vocabulary), divided by the temperature, in float32.

        With `states` also what the head read, (n, hidden).
        """
        with self.using():
            outputs = self.model(
                input_ids=layout.input_ids,
                position_ids=layout.position_ids,
                use_cache=False,
                logits_to_keep=layout.predicting,  # the head is as dear as several layers where the vocabulary is large
                **({"output_hidden_states": True} if states else {}),
            )
        logits = outputs.logits.float()
        logits = logits if self.temperature == 1 else logits / self.temperature
        return logits, outputs.hidden_states[-1][layout.predicting] if states else None

    def can_pack(self) -> bool:
        """Whether several answers may stand in one row."""
        return keeps_packed_rows_apart(self.model.base_model, self.model.config)


class TrainedPolicy(nn.Module):
    """The policy as its losses see it: one forward pass gives all that they need."""

    def __init__(self, policy: Policy, *, entropy: bool, critic: Critic | None = None) -> None:
        """`entropy`: whether the losses need it; it costs as much again as the log-probabilities.

        `critic`: one that is a head on this policy.
        """
        super().__init__()
        self.policy = policy
        self.entropy = entropy
        self.critic = critic

    def forward(self, layout: Layout, *, text: bool = False) -> Outputs:
        """Everything of one layout; of running `text` only the log-probabilities, at temperature 1."""
        if text:
            logits = self.policy.read(layout)[0] * self.policy.temperature
            return Outputs(-cross_entropy(logits, layout.tokens, reduction="none"), None)
        logits, states = self.policy.read(layout, states=self.critic is not None)
        log_probs = -cross_entropy(logits, layout.tokens, reduction="none")
        values = self.critic.values(states) if self.critic is not None and states is not None else None
        return Outputs(log_probs, entropy_of(logits) if self.entropy else None, values)


def entropy_of(logits: Tensor) -> Tensor:
    """The entropy of each row's distribution, in nats; logits are (n, vocabulary), the result (n,)."""
    log_probs = logits.log_softmax(dim=-1)
    return -(log_probs.exp() * log_probs).sum(dim=-1)


class Critic(nn.Module):
    """The value of every response token: the reward expected of the rest of the answer before the token is chosen."""

    def __init__(
        self, trunk: nn.Module, head: nn.Linear, pad_id: int, mean: float = 0.0, std: float = 1.0,
        adapters: Switch | None = None,
    ) -> None:  # fmt: skip
        """A decoder without its head, and a linear layer whose output is normalised by `mean` and `std`.

        `adapters`: those beside the decoder's layers, of which `CRITIC` is this critic's and trained in place of the
        decoder, which is another's too.
        """
        super().__init__()
        self.trunk = trunk
        self.head = head
        self.pad_id = pad_id
        self.mean = mean
        self.std = std
        self.adapters = adapters

    def using(self) -> AbstractContextManager[None]:
        """The trunk as this critic reads it."""
        return nullcontext() if self.adapters is None else self.adapters.only(CRITIC)

    def trained(self) -> list[nn.Parameter]:
        """What training changes."""
        trunk = self.trunk.parameters() if self.adapters is None else self.adapters.weights(CRITIC)
        return [*trunk, *self.head.parameters()]

    def forward(self, layout: Layout) -> Tensor:
        """Values, (n,), in float32."""
        with self.using():
            outputs = self.trunk(input_ids=layout.input_ids, position_ids=layout.position_ids, use_cache=False)
        return self.values(outputs.last_hidden_state[layout.predicting])

    def values(self, states: Tensor) -> Tensor:
        """Values (n,) of hidden states (n, hidden), in float32."""
        return (self.head(states)[:, 0].float() - self.mean) / self.std

    def is_head_of(self, policy: Policy) -> bool:
        """Whether it has no network of its own."""
        return self.trunk is policy.model.base_model and self.adapters is None

    def can_pack(self) -> bool:
        """Whether several answers may stand in one row."""
        config: Any = self.trunk.config
        return keeps_packed_rows_apart(self.trunk, config)


def packed_width(policy: Policy, critic: Critic) -> int:
    """The widest row that may hold several answers; 0 where a model would mix them.

    At a width of the hidden size, attention over the whole row is a sixth of the other products, less than padding
    costs.
    """
    return policy.model.config.hidden_size if policy.can_pack() and critic.can_pack() else 0


def make_networks(
    config: Config, model: PreTrainedModel, scorer: RewardScorer | None, pad_id: int, seed: int
) -> tuple[Policy, Critic]:
    """The policy on `model`, with an adapter where the config says so, and its critic; `seed` draws the adapters.

    Raises:
        StageError: if the adapter's targets mean no layer.
    """
    network, temperature = config.critic.network, config.sampling.temperature
    if config.lora is None:
        return Policy(model, temperature, pad_id), make_critic(network, model, scorer, pad_id)
    from pipeline.training.adapters import Switch

    switch = Switch(model, config.lora, seed)
    critic = make_critic(network, model, scorer, pad_id, AdaptedCritic(switch, config.lora, seed + 1))
    return Policy(model, temperature, pad_id, switch), critic


def make_critic(
    network: Literal["auto", "policy", "shared"], policy: PreTrainedModel, scorer: RewardScorer | None, pad_id: int,
    adapters: AdaptedCritic | None = None,
) -> Critic:  # fmt: skip
    """The critic that the config's `critic.network` stands for; `scorer` is a reward model that can start it.

    With `adapters` it is no copy of a model but an adapter beside its layers.
    """
    if network == "shared":
        return critic_on_policy(policy, pad_id)
    if adapters is not None:
        if network == "auto" and scorer is not None:
            return adapters.on_reward(scorer, pad_id)
        return adapters.on_policy(pad_id)
    if network == "auto" and scorer is not None:
        return critic_from_reward(scorer, pad_id)
    return critic_from_policy(policy, pad_id)


def critic_from_reward(scorer: RewardScorer, pad_id: int) -> Critic:
    """A critic that starts as a copy of the reward model: its value is the normalised score of the answer so far."""
    model = copy.deepcopy(scorer.model).float()
    head = model.score
    assert isinstance(head, nn.Linear), head
    return Critic(model.base_model, head, pad_id, scorer.mean, scorer.std)


def critic_from_policy(policy: PreTrainedModel, pad_id: int) -> Critic:
    """A critic that starts as a copy of the policy's trunk and expects nothing."""
    return Critic(copy.deepcopy(policy.base_model), new_head(policy), pad_id)


def critic_on_policy(policy: PreTrainedModel, pad_id: int) -> Critic:
    """A critic that is one layer on the policy's own trunk and expects nothing."""
    trunk = policy.base_model
    assert isinstance(trunk, nn.Module)
    return Critic(trunk, new_head(policy), pad_id)


def new_head(policy: PreTrainedModel) -> nn.Linear:
    """A layer from a hidden state to a value of 0."""
    head = nn.Linear(policy.config.hidden_size, 1, bias=False, device=policy.device)
    nn.init.zeros_(head.weight)
    return head


class AdaptedCritic(NamedTuple):
    """How a critic is made where adapters are trained: it has one of its own, and no copy of a decoder."""

    policy: Switch
    lora: LoraConfig
    seed: int

    def on_reward(self, scorer: RewardScorer, pad_id: int) -> Critic:
        """Beside the reward model's layers, where it starts as the score; the reward model goes on without it."""
        from pipeline.training.adapters import Switch

        switch = Switch(scorer.model, self.lora, self.seed, CRITIC)
        switch.turn_off()
        head = scorer.model.score
        assert isinstance(head, nn.Linear), head
        own = copy.deepcopy(head).requires_grad_(True)
        return Critic(scorer.model.base_model, own, pad_id, scorer.mean, scorer.std, switch)

    def on_policy(self, pad_id: int) -> Critic:
        """Beside the policy's layers, where it expects nothing at first."""
        model = self.policy.model
        self.policy.add(CRITIC, self.seed)
        return Critic(model.base_model, new_head(model), pad_id, adapters=self.policy)


def reference_of(policy: Policy) -> Policy:
    """A policy that stays as `policy` is now: a frozen copy, or its very weights where only an adapter is trained."""
    if policy.adapters is not None:
        return Policy(policy.model, policy.temperature, policy.pad_id, policy.adapters, adapted=False)
    return frozen_copy(policy)


def frozen_copy(policy: Policy) -> Policy:
    """A copy that never changes: the reference."""
    return copy.deepcopy(policy).requires_grad_(False)
