"""How far our decoder is from the models that it is, weight for weight: `python -m benchmarks.pretrain.conformance`.

Each line is a model of transformers' own class with drawn weights, converted to ours and back: the largest difference
of logits, of the loss and of the embedding's gradient in fp32, and how many of 24 greedy tokens agree.
"""

from __future__ import annotations

import torch

from tests.unit.models.test_convert import CASES, converted
from tests.unit.models.tiny import PAD, tiny_tokens

DIRECTIONS = ("to ours", "and back")


def main() -> None:
    print(f"{'model':<38}{'direction':<11}{'logits':>9}{'loss':>9}{'gradient':>10}{'greedy':>8}")
    for case in CASES:
        for direction in DIRECTIONS:
            logits, loss, gradient, same = compare(case, direction)
            print(f"{case:<38}{direction:<11}{logits:>9.1e}{loss:>9.1e}{gradient:>10.1e}{same:>5}/24")


def compare(case: str, direction: str) -> tuple[float, float, float, int]:
    pair = converted(case, direction)
    tokens, prompt = tiny_tokens(2, 21), tiny_tokens(2, 5)
    outputs = [model(tokens, labels=tokens) for model in pair]
    for output in outputs:
        output.loss.backward()
    gradients = [model.get_input_embeddings().weight.grad for model in pair]
    answers = [model.generate(prompt, max_new_tokens=12, do_sample=False, pad_token_id=PAD)[:, 5:] for model in pair]
    agree = int((answers[0] == answers[1]).sum()) if answers[0].shape == answers[1].shape else 0
    return (
        _apart(outputs[0].logits, outputs[1].logits),
        _apart(outputs[0].loss, outputs[1].loss),
        _apart(gradients[0], gradients[1]),
        agree,
    )


def _apart(left: torch.Tensor, right: torch.Tensor) -> float:
    return (left - right).abs().max().item()


if __name__ == "__main__":
    main()
