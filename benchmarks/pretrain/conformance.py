"""How far our decoder is from the models that it is, weight for weight: `python -m benchmarks.pretrain.conformance`.

Each line is a model of transformers' own class with drawn weights, converted to ours and back: the largest difference
of logits, of the loss and of the embedding's gradient in fp32, and how many of 24 greedy tokens agree. The last is the
tutorial model that the project started from, built of `nn.MultiheadAttention`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy

from tests.unit.models.test_convert import CASES, converted, greedy, tutorial_pair
from tests.unit.models.tiny import PAD, tiny_tokens

DIRECTIONS = ("to ours", "and back")
Forward = Callable[[Tensor], Tensor]
"""Token ids (batch, length) to logits (batch, length, vocabulary)."""


def main() -> None:
    print(f"{'model':<38}{'direction':<11}{'logits':>9}{'loss':>9}{'gradient':>10}{'greedy':>8}")
    for case in CASES:
        for direction in DIRECTIONS:
            pair = converted(case, direction)
            tables = [model.get_input_embeddings().weight for model in pair]
            show(case, direction, [logits_of(model) for model in pair], tables, [written_by(model) for model in pair])
    tutorial, decoder = tutorial_pair()
    answers = [greedy(tutorial, tiny_tokens(2, 5), 12), written_by(decoder)]
    tables = [tutorial.tokens.weight, decoder.model.embed_tokens.weight]
    show("tutorial model", "to ours", [tutorial, logits_of(decoder)], tables, answers)


def logits_of(model: Any) -> Forward:
    return lambda ids: model(ids).logits


def written_by(model: Any) -> Tensor:
    return model.generate(tiny_tokens(2, 5), max_new_tokens=12, do_sample=False, pad_token_id=PAD)


def show(case: str, direction: str, forwards: Sequence[Forward], tables: list[Any], answers: list[Tensor]) -> None:
    """A line of the table, for two models by their forward pass, their embeddings and what they write."""
    tokens = tiny_tokens(2, 21)
    logits = [forward(tokens) for forward in forwards]
    losses = [cross_entropy(one[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()) for one in logits]
    for loss in losses:
        loss.backward()
    gradients: list[Tensor] = [table.grad for table in tables]
    written = [answer[:, 5:] for answer in answers]
    agree = int((written[0] == written[1]).sum()) if written[0].shape == written[1].shape else 0
    apart = [(left - right).abs().max().item() for left, right in (logits, losses, gradients)]
    print(f"{case:<38}{direction:<11}{apart[0]:>9.1e}{apart[1]:>9.1e}{apart[2]:>10.1e}{agree:>5}/24")


if __name__ == "__main__":
    main()
