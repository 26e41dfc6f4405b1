from __future__ import annotations

import pytest
import torch

from pipeline.stages.ppo.losses import Loss, clipped_tokens, kl_loss, old_to_new_kl, policy_loss, value_loss

CLIP = 0.2


def tensors(seed: int = 0, spread: float = 0.3, shape=(6, 5), dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    old, new, advantages = (torch.randn(shape, generator=generator, dtype=dtype) for _ in range(3))
    mask = (torch.arange(shape[1]) < torch.tensor([1, 5, 2, 4, 3, 5])[:, None]).to(dtype)
    return (old + spread * new).requires_grad_(), old, advantages, mask


def gradient(loss: Loss, variable: torch.Tensor) -> torch.Tensor:
    return torch.autograd.grad(loss.total / loss.count, variable)[0]


def test_at_ratio_one_the_gradient_is_the_policy_gradient():
    log_probs, _, advantages, mask = tensors()
    got = gradient(policy_loss(log_probs, log_probs.detach(), advantages, mask, CLIP), log_probs)
    torch.testing.assert_close(got, -advantages * mask / mask.sum(), atol=0, rtol=1e-14)  # the order of two products


def test_clipping_stops_exactly_the_gradients_that_would_move_further():
    log_probs, old, advantages, mask = tensors()
    ratio = (log_probs - old).exp().detach()
    stopped = ((advantages > 0) & (ratio > 1 + CLIP)) | ((advantages < 0) & (ratio < 1 - CLIP))
    expected = torch.where(stopped, 0.0, -ratio * advantages) * mask / mask.sum()
    got = gradient(policy_loss(log_probs, old, advantages, mask, CLIP), log_probs)
    torch.testing.assert_close(got, expected, atol=1e-15, rtol=1e-12)
    assert int((stopped * mask).sum()) == int(clipped_tokens(log_probs, old, advantages, mask, CLIP)) > 0


def test_the_larger_of_two_value_losses_counts():
    values = torch.tensor([[0.5, 0.1, -1.0]], requires_grad=True)
    loss = value_loss(values, torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 0.0]]), torch.ones(1, 3), 0.2)
    # Clipped values are .2, .1, -.2: the first and second lose more clipped (or the same), the third more unclipped.
    assert float(loss.total) == pytest.approx(0.5 * (0.8**2 + 0.9**2 + 1.0**2))
    assert gradient(loss, values)[0].tolist() == pytest.approx([0.0, -0.3, -1 / 3])


def test_without_a_range_the_value_loss_is_half_the_squared_error():
    values, returns, _, mask = tensors()
    loss = value_loss(values, returns, returns, mask, None)
    torch.testing.assert_close(loss.total, 0.5 * ((values - returns).square() * mask).sum())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)])
def test_uneven_parts_over_a_known_count_give_the_gradient_of_the_whole(dtype, tolerance):
    log_probs, old, advantages, mask = tensors(dtype=dtype)
    whole = gradient(policy_loss(log_probs, old, advantages, mask, CLIP), log_probs)
    total = sum(
        policy_loss(log_probs[rows], old[rows], advantages[rows], mask[rows], CLIP).total / mask.sum()
        for rows in (slice(0, 1), slice(1, 4), slice(4, 6))
    )
    torch.testing.assert_close(torch.autograd.grad(total, log_probs)[0], whole, atol=tolerance, rtol=0)


def test_the_kl_loss_squares_the_log_ratio_of_whole_answers():
    log_probs, reference, _, mask = tensors()
    answers = torch.arange(len(mask))[:, None].expand_as(mask)
    whole = kl_loss(log_probs, reference, mask, answers)
    log_ratios = ((log_probs - reference) * mask).sum(dim=1)
    torch.testing.assert_close(whole.total, 0.5 * log_ratios.square().sum())
    assert whole.count == mask.sum()
    places = mask.bool()  # flat and without padding, as a layout gives them
    flat = kl_loss(log_probs[places], reference[places], mask[places], answers[places])
    torch.testing.assert_close(flat.total, whole.total)


def test_padding_changes_nothing():
    log_probs, old, advantages, mask = tensors()
    odd = [torch.where(mask.bool(), tensor, torch.full_like(tensor, 9.0)) for tensor in (log_probs, old, advantages)]
    for function in (policy_loss, value_loss):
        torch.testing.assert_close(
            function(log_probs, old, advantages, mask, CLIP), function(*odd, mask, CLIP), atol=0, rtol=0
        )


def test_an_absurd_ratio_stays_finite():
    loss = policy_loss(torch.zeros(1, 1), torch.full((1, 1), -200.0), -torch.ones(1, 1), torch.ones(1, 1), CLIP)
    assert torch.isfinite(loss.total)


def test_old_to_new_kl_is_exact_in_expectation_and_never_negative():
    generator = torch.Generator().manual_seed(0)
    old, new = torch.randn(2, 16, 1, generator=generator, dtype=torch.float64).log_softmax(dim=1)
    kl = torch.nn.functional.kl_div(new, old, log_target=True, reduction="sum")
    torch.testing.assert_close(old_to_new_kl(new, old, old.exp()), kl)
    assert float(old_to_new_kl(new, old, torch.ones(16, 1))) > 0
