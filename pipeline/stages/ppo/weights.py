"""The trained weights of a network in a file: all of them, or those of an adapter alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

Weights = Sequence[nn.Parameter]


def save_weights(network: nn.Module, trained: Weights, file: Path) -> None:
    """Write what training changes; what it does not is in the network that the stage was given."""
    if _trains_all(network, trained):
        save_model(network, str(file))
    else:
        save_file({name: weights.data.contiguous() for name, weights in _named(network, trained).items()}, file)


def load_weights(network: nn.Module, trained: Weights, file: Path) -> None:
    """Read what `save_weights` wrote, into where the weights are.

    Raises:
        RuntimeError: if the file holds other weights.
    """
    if _trains_all(network, trained):
        load_model(network, str(file))
        return
    kept, named = load_file(file), _named(network, trained)
    if kept.keys() != named.keys():
        raise RuntimeError(f"{file}: other weights than those of this network")
    with torch.no_grad():
        for name, weights in named.items():
            weights.copy_(kept[name])


def _trains_all(network: nn.Module, trained: Weights) -> bool:
    return {id(weights) for weights in network.parameters()} <= {id(weights) for weights in trained}


def _named(network: nn.Module, trained: Weights) -> dict[str, nn.Parameter]:
    own = {id(weights) for weights in trained}
    return {name: weights for name, weights in network.named_parameters() if id(weights) in own}
