"""The decoder's forward pass: what must not change its logits, and what it shares with Qwen3."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close
from transformers import DynamicCache, Qwen3Config, Qwen3ForCausalLM, StaticCache

from pipeline.models.decoder.positions import POSITION_ENCODINGS
from tests.unit.models.tiny import PAD, tiny_config, tiny_decoder, tiny_tokens

every_encoding = pytest.mark.parametrize("encoding", sorted(POSITION_ENCODINGS))
every_attention = pytest.mark.parametrize("attention", ["sdpa", "eager"])


@pytest.fixture(autouse=True)
def no_gradients(request):
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


def left_padded(tokens, padding: int):
    """`tokens` with `padding` columns before them, and the mask that says so."""
    batch, length = tokens.shape
    input_ids = torch.cat([torch.full((batch, padding), PAD), tokens], dim=1)
    mask = torch.cat([torch.zeros(batch, padding), torch.ones(batch, length)], dim=1).long()
    return input_ids, mask


@every_encoding
@every_attention
@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_cached_decoding_agrees_with_the_full_forward(encoding, attention, kind):
    model, tokens = tiny_decoder(position_encoding=encoding, attention=attention), tiny_tokens(2, 11)
    cache = (
        DynamicCache(config=model.config) if kind == "dynamic" else StaticCache(config=model.config, max_cache_len=16)
    )
    pieces = tokens.split([4, 1, 1, 2, 1, 1, 1], dim=1)
    stepwise = [model(piece, past_key_values=cache, use_cache=True).logits for piece in pieces]
    assert_close(torch.cat(stepwise, dim=1), model(tokens).logits)


@every_encoding
@every_attention
@pytest.mark.parametrize("with_positions", [True, False])
def test_left_padding_changes_nothing(encoding, attention, with_positions):
    model, tokens = tiny_decoder(position_encoding=encoding, attention=attention), tiny_tokens(2, 9)
    input_ids, mask = left_padded(tokens, 4)
    positions = (mask.cumsum(-1) - 1).clamp(min=0) if with_positions else None
    padded = model(input_ids, attention_mask=mask, position_ids=positions).logits[:, 4:]
    assert_close(padded, model(tokens).logits)


@every_encoding
def test_cached_decoding_after_left_padding_agrees_with_the_full_forward(encoding):
    model, tokens = tiny_decoder(position_encoding=encoding), tiny_tokens(2, 9)
    input_ids, mask = left_padded(tokens, 3)
    read = model(input_ids[:, :8], attention_mask=mask[:, :8], use_cache=True)
    rest = model(input_ids[:, 8:], attention_mask=mask, past_key_values=read.past_key_values)
    assert_close(rest.logits, model(tokens).logits[:, 5:])


@every_encoding
@every_attention
def test_right_padding_changes_nothing(encoding, attention):
    model, tokens = tiny_decoder(position_encoding=encoding, attention=attention), tiny_tokens(2, 9)
    input_ids = torch.cat([tokens, torch.full((2, 4), PAD)], dim=1)
    mask = torch.tensor([[1] * 9 + [0] * 4] * 2)
    expected = model(tokens).logits
    assert_close(model(input_ids, attention_mask=mask).logits[:, :9], expected)
    assert_close(model(input_ids).logits[:, :9], expected)


@every_encoding
@every_attention
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("use_cache", [True, False, None])
def test_packed_documents_do_not_see_each_other(encoding, attention, training, use_cache):
    model = tiny_decoder(position_encoding=encoding, attention=attention).train(training)
    first, second = tiny_tokens(2, 6), tiny_tokens(2, 7, seed=4)
    positions = torch.tensor([[*range(6), *range(7)]] * 2)
    packed = model(torch.cat([first, second], dim=1), position_ids=positions, use_cache=use_cache).logits
    assert_close(packed[:, :6], model(first).logits)
    assert_close(packed[:, 6:], model(second).logits)


@every_encoding
def test_eager_and_sdpa_agree(encoding):
    tokens = tiny_tokens(2, 9)
    assert_close(
        tiny_decoder(position_encoding=encoding, attention="eager")(tokens).logits,
        tiny_decoder(position_encoding=encoding, attention="sdpa")(tokens).logits,
    )


@every_attention
def test_a_boolean_mask_of_four_dimensions_is_obeyed(attention):
    model, tokens = tiny_decoder(attention=attention), tiny_tokens(1, 8)
    blocks = torch.block_diag(torch.ones(3, 3), torch.ones(5, 5)).bool().tril()[None, None]
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3, 4]])
    masked = model(tokens, attention_mask=blocks, position_ids=positions).logits
    assert_close(masked[:, 3:], model(tokens[:, 3:]).logits)


@every_encoding
def test_the_order_of_earlier_tokens_matters(encoding):
    model, tokens = tiny_decoder(position_encoding=encoding), tiny_tokens(1, 6)
    swapped = tokens[:, [1, 0, 2, 3, 4, 5]]
    assert (model(tokens).logits[:, -1] - model(swapped).logits[:, -1]).abs().max() > 0.01


def test_later_tokens_change_nothing_before_them():
    model, tokens = tiny_decoder(), tiny_tokens(1, 8)
    changed = tokens.clone()
    changed[0, 5:] = 9
    assert_close(model(changed).logits[:, :5], model(tokens).logits[:, :5])


@every_encoding
def test_greedy_generation_is_the_argmax_of_the_forward_pass(encoding):
    model, tokens = tiny_decoder(position_encoding=encoding), tiny_tokens(2, 5)
    input_ids, mask = left_padded(tokens, 2)
    generated = model.generate(input_ids, attention_mask=mask, max_new_tokens=6, do_sample=False, pad_token_id=PAD)
    for _ in range(6):
        tokens = torch.cat([tokens, model(tokens).logits[:, -1:].argmax(-1)], dim=1)
    assert generated[:, 2:].tolist() == tokens.tolist()


def test_weights_of_qwen3_give_qwen3s_logits():
    model, tokens = tiny_decoder(), tiny_tokens(2, 9)
    shared = {name: value for name, value in model.config.to_dict().items() if name in Qwen3Config().to_dict()}
    qwen3 = Qwen3ForCausalLM(Qwen3Config(**{**shared, "model_type": "qwen3"})).eval()
    qwen3.load_state_dict(model.state_dict())
    assert_close(model(tokens).logits, qwen3(tokens).logits)


@pytest.mark.parametrize(
    "keep",
    [0, 3, torch.tensor([1, 4]), torch.tensor([[1, 4], [0, 2]]), torch.arange(18).view(2, 9) % 4 == 1],
    ids=["all", "last", "positions", "positions by row", "mask"],
)
def test_logits_to_keep_are_those_of_the_whole(keep):
    model, tokens = tiny_decoder(), tiny_tokens(2, 9)
    whole = model(tokens).logits
    if isinstance(keep, int):
        expected = whole[:, -keep:]
    elif keep.dtype == torch.bool:
        expected = whole[keep]
    else:
        expected = torch.stack([row[at] for row, at in zip(whole, keep.expand(2, -1), strict=True)])
    assert_close(model(tokens, logits_to_keep=keep).logits, expected)


def test_loss_over_all_items_is_the_same_for_any_gradient_accumulation():
    model, tokens = tiny_decoder(), tiny_tokens(4, 9)
    labels = tokens.clone()
    labels[0, :6] = -100
    count = (labels[:, 1:] != -100).sum()
    parts = [model(tokens[rows], labels=labels[rows], num_items_in_batch=count).loss for rows in ([0], [1, 2, 3])]
    assert_close(sum(parts), model(tokens, labels=labels).loss)


def test_gradient_checkpointing_changes_neither_loss_nor_gradient():
    tokens, found = tiny_tokens(2, 9), []
    for checkpointing in (False, True):
        model = tiny_decoder().train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        loss = model(tokens, labels=tokens, use_cache=False).loss
        loss.backward()
        found.append((loss.detach(), model.model.layers[0].mlp.up_proj.weight.grad))
    assert_close(found[0], found[1])


def test_hidden_states_and_attentions_are_given_when_asked_for():
    model = tiny_decoder(attention="eager")
    outputs = model(tiny_tokens(1, 5), output_hidden_states=True, output_attentions=True)
    assert len(outputs.hidden_states) == tiny_config().num_hidden_layers + 1
    assert_close(outputs.attentions[0].sum(-1), torch.ones(1, 4, 5))


def test_a_text_longer_than_the_learned_positions_is_refused_with_both_numbers():
    model = tiny_decoder(position_encoding="learned", max_position_embeddings=8)
    assert model(input_ids=tiny_tokens(1, 8)).logits.shape[1] == 8
    with pytest.raises(ValueError, match="a text of 9 tokens, and the model has learned 8 positions"):
        model(input_ids=tiny_tokens(1, 9))
