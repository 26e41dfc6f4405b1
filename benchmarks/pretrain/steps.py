"""Bare training steps with AdamW on random tokens: nanoGPT, transformers' Llama and our decoder, in one shape each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.pretrain.clock import Clock


@dataclass(frozen=True)
class Shape:
    """A decoder, and what one step reads."""

    layers: int
    heads: int
    width: int
    vocabulary: int
    context: int
    batch: int

    @property
    def tokens(self) -> int:
        """Tokens of a step."""
        return self.batch * self.context

    @property
    def flops(self) -> float:
        """FLOPs of a step by the model's matrices (6 for each weight and token), attention counted whole."""
        matrices = 12 * self.layers * self.width**2 + self.vocabulary * self.width
        return self.tokens * (6 * matrices + 12 * self.layers * self.width * self.context)


SHAPES = {
    "0.8M": Shape(4, 4, 128, 128, 64, 12),
    "10M": Shape(6, 6, 384, 128, 256, 4),
    "50M": Shape(12, 9, 576, 512, 256, 4),
}
MODELS = ("nanogpt", "llama", "ours")


def steps(model: str, shape: str, compiled: bool, count: int, nanogpt: str, clock: Clock) -> None:
    """`count` steps of `model`, after three that nobody counts: kernels are chosen and compiled there."""
    size = SHAPES[shape]
    loss_of, weights = {"nanogpt": _nanogpt, "llama": _llama, "ours": _ours}[model](size, nanogpt)
    optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)
    loss = torch.compile(loss_of, dynamic=False) if compiled else loss_of
    tokens = torch.randint(0, size.vocabulary, (size.batch, size.context + 1))

    def step() -> None:
        loss(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()

    for _ in range(3):
        step()
    clock.start()
    for index in range(count):
        step()
        clock.step(index + 1 == count, lambda: 0.0)


Loss = Callable[[Tensor, Tensor], Tensor]


def _nanogpt(size: Shape, folder: str) -> tuple[Loss, list[nn.Parameter]]:
    sys.path.insert(0, folder)
    theirs = importlib.import_module("model")
    model = theirs.GPT(
        theirs.GPTConfig(
            n_layer=size.layers, n_head=size.heads, n_embd=size.width, block_size=size.context, bias=False,
            vocab_size=size.vocabulary, dropout=0.0,
        )
    )  # fmt: skip
    return lambda inputs, targets: model(inputs, targets)[1], _weights(model.parameters())


def _llama(size: Shape, _folder: str) -> tuple[Loss, list[nn.Parameter]]:
    from transformers import LlamaConfig, LlamaForCausalLM

    return _of_logits(LlamaForCausalLM(LlamaConfig(**_settings(size))))


def _ours(size: Shape, _folder: str) -> tuple[Loss, list[nn.Parameter]]:
    from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM

    return _of_logits(DecoderForCausalLM(DecoderConfig(**_settings(size))))


def _settings(size: Shape) -> dict[str, Any]:
    """As many weights in a gated network of 8/3 of the width as in a plain one of 4."""
    return {
        "vocab_size": size.vocabulary, "hidden_size": size.width, "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads, "max_position_embeddings": size.context, "tie_word_embeddings": True,
        "intermediate_size": -(-size.width * 8 // 3 // 8) * 8,
    }  # fmt: skip


def _of_logits(model: Any) -> tuple[Loss, list[nn.Parameter]]:
    def loss(inputs: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(model(inputs, use_cache=False).logits.flatten(0, 1), targets.flatten())

    return loss, _weights(model.parameters())


def _weights(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    return list(parameters)


def peak_flops() -> float:
    """FLOP/s of one thread, by the fastest of many products of two large matrices."""
    from pipeline.training.peak import measured_flops

    return measured_flops("fp32", threads=1)
