"""Settings of low-rank adapters, the same for every stage that trains a model, and how many weights they come to.

Imports no torch. `adapters` builds what is set here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.errors import SettingError
from pipeline.core.quantities import Count
from pipeline.core.stage import Settings
from pipeline.models.sizes import DecoderSizes

ModuleName = Annotated[str, Field(min_length=1)]


class LoraConfig(Settings):
    """Train small matrices beside the frozen weights instead of the weights (https://arxiv.org/abs/2106.09685).

    What is saved holds the two added up; the matrices alone lie beside it in `adapter/`. They want a learning rate some
    ten times that of training all weights.
    """

    rank: Count = 8
    """Inner dimension of the added matrices."""
    alpha: float = Field(default=16.0, gt=0)
    """What the matrices add is multiplied by `alpha / rank`."""
    targets: Literal["attention", "all-linear"] | Annotated[tuple[ModuleName, ...], Field(min_length=1)] = "attention"
    """Which layers they are beside: the projections of attention, every linear layer but the head, or modules by the
    end of their names (`[q_proj, v_proj]`)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of what the matrices read that is dropped while they are trained."""
    dora: bool = False
    """Train the length of each output's weights apart from their direction (DoRA, https://arxiv.org/abs/2402.09353)."""

    @property
    def scale(self) -> float:
        """What the product of the two matrices is multiplied by."""
        return self.alpha / self.rank

    def require_no_dropout(self, why: str) -> None:
        """Refuse dropout, where a stage has no use for it.

        Raises:
            SettingError: with `why`.
        """
        if self.dropout:
            raise SettingError(f"{why}; leave it out", "lora.dropout")


def adapter_parameters(lora: LoraConfig | None, sizes: DecoderSizes) -> int | None:
    """Weights that are trained beside a decoder of `sizes`; None where a target is none of its usual names.

    The head of a scorer is new and trained whole.
    """
    if lora is None:
        return None
    shapes = _targeted(lora, sizes)
    if shapes is None:
        return None
    pairs = sum(lora.rank * (inputs + outputs) + lora.dora * outputs for inputs, outputs in shapes)
    return sizes.num_hidden_layers * pairs + sizes.hidden_size * sizes.labels


def _targeted(lora: LoraConfig, sizes: DecoderSizes) -> list[tuple[int, int]] | None:
    """(inputs, outputs) of one layer's matrices that are adapted."""
    attention, network = _layer_matrices(sizes)
    if lora.targets == "attention":
        return list(attention.values())
    if lora.targets == "all-linear":
        return [*attention.values(), *network.values()]
    known = attention | network
    names = [name.rsplit(".", 1)[-1] for name in lora.targets]
    return [known[name] for name in names] if all(name in known for name in names) else None


def _layer_matrices(sizes: DecoderSizes) -> tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]:
    """Those of attention and of the network behind it, by Llama's names."""
    hidden, inner = sizes.hidden_size, sizes.intermediate_size
    attention = {
        "q_proj": (hidden, sizes.queries_width),
        "k_proj": (hidden, sizes.keys_width),
        "v_proj": (hidden, sizes.keys_width),
        "o_proj": (sizes.queries_width, hidden),
    }
    network = {"up_proj": (hidden, inner), "down_proj": (inner, hidden)}
    return attention, network | ({"gate_proj": (hidden, inner)} if sizes.mlp_gated else {})
