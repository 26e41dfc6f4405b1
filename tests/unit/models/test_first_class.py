"""The decoder as a model of transformers: compiled, cut into a pipeline, through its kernels, activations and rope types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache
from transformers.activations import ACT2CLS
from transformers.distributed.pipeline_parallel import PipelineIdentityLayer
from transformers.integrations import flash_attention
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from tests.unit.models.test_decoder import left_padded
from tests.unit.models.test_decoder_space import ANGLES, ATTENTIONS, NORMS, POSITIONS, SPACE, tiny_decoder
from tests.unit.models.tiny import PAD, tiny_config, tiny_tokens

EACH_VALUE = {
    ", ".join(names): {**POSITIONS[names[0]], **NORMS[names[1]], **ATTENTIONS[names[2]]}
    for names in zip(POSITIONS, itertools.cycle(NORMS), itertools.cycle(reversed(ATTENTIONS)), strict=False)
}
"""Every position, norm and attention at least once."""
PACKED = torch.tensor([[*range(6), *range(7)]] * 2)


@pytest.fixture(autouse=True)
def no_gradients(request) -> Iterator[None]:
    with torch.set_grad_enabled("gradient" in request.node.name):
        yield


def compiled_as_one_graph(settings) -> None:
    torch._dynamo.reset()
    model, tokens = tiny_decoder(num_hidden_layers=1, **settings).train(), tiny_tokens(2, 13)
    graph = torch.compile(model, fullgraph=True, backend="eager")  # refuses whatever would break the graph
    found = []
    for forward in (model, graph):
        model.zero_grad()
        logits = forward(tokens, position_ids=PACKED, use_cache=False).logits
        logits.square().mean().backward()
        found.append([logits.detach(), *(weights.grad for weights in model.parameters())])
    assert_close(found[1], found[0])


@pytest.mark.parametrize("settings", EACH_VALUE.values(), ids=EACH_VALUE)
def test_logits_and_gradients_are_those_of_one_compiled_graph(settings):
    compiled_as_one_graph(settings)


@pytest.mark.slow
@pytest.mark.parametrize("settings", SPACE.values(), ids=SPACE)
def test_logits_and_gradients_are_those_of_one_compiled_graph_everywhere(settings):
    compiled_as_one_graph(settings)


def stage_of(model: nn.Module, first: int, end: int) -> nn.Module:
    """What `transformers.distributed` leaves of a model on a process that holds layers from `first` to before `end`."""
    trunk, layers = model.model, model.model.layers
    for index in range(len(layers)):
        if not first <= index < end:
            layers[index] = PipelineIdentityLayer()
    if end < len(layers):
        trunk.norm, model.lm_head = PipelineIdentityLayer(), PipelineIdentityLayer()
    return model


@pytest.mark.parametrize("settings", SPACE.values(), ids=SPACE)
def test_a_pipeline_of_stages_gives_the_logits_of_the_whole(settings):
    plan = tiny_config(**settings).base_model_pp_plan
    if plan is None:
        absolute = settings.get("position_encoding") in ("learned", "sinusoidal")
        assert absolute or settings.get("embedding_norm") or settings.get("value_embeddings")
        return
    model, tokens = tiny_decoder(num_hidden_layers=3, **settings), tiny_tokens(2, 9)
    assert model.supports_pp_plan and set(plan) <= {name for name, _ in model.model.named_children()}
    expected = model(tokens).logits
    states = None
    for first, end in ((0, 1), (1, 2), (2, 3)):
        stage = stage_of(tiny_decoder(num_hidden_layers=3, **settings), first, end)
        given = {"input_ids": tokens} if states is None else {"inputs_embeds": states}
        states = stage.model(**given).last_hidden_state
    assert_close(stage.lm_head(states) if settings.get("final_logit_softcapping") is None else
                 3.0 * torch.tanh(stage.lm_head(states) / 3.0), expected)  # fmt: skip


def flash_reference(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, query_length: int, is_causal: bool,
    softmax_scale: float, dropout: float = 0.0, sliding_window: int | None = None, softcap: float | None = None,
    position_ids: Tensor | None = None, **others,
) -> Tensor:  # fmt: skip
    """What the flash kernels compute, with transformers' arguments: (batch, length, heads, width), documents by positions."""
    assert is_causal and dropout == 0 and query_length == query.shape[1]
    groups = query.shape[2] // key.shape[2]
    key, value = (states.repeat_interleave(groups, dim=2) for states in (key, value))
    scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * softmax_scale
    scores = softcap * torch.tanh(scores / softcap) if softcap else scores
    keys, queries = torch.arange(key.shape[1]), torch.arange(key.shape[1])[-query_length:]
    seen = queries[:, None] >= keys
    if sliding_window is not None:
        seen = seen & (queries[:, None] - keys < sliding_window)
    seen = seen.expand(len(query), 1, -1, -1)
    if mask is not None:
        seen = seen & mask[:, None, None, :].bool()
    elif position_ids is not None and query_length == key.shape[1]:
        document = (position_ids == 0).cumsum(-1)
        seen = seen & (document[:, None, :, None] == document[:, None, None, :])
    probabilities = scores.masked_fill(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.einsum("bhqk,bkhd->bqhd", probabilities, value)


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A name under which transformers' adapter to flash attention runs, with the above in place of the kernel."""
    called = []

    def recorded(*arguments, **named):
        called.append(named)
        return flash_reference(*arguments, **named)

    monkeypatch.setattr(flash_attention, "_flash_attention_forward", recorded)
    ALL_ATTENTION_FUNCTIONS.register("reference_kernel", flash_attention.flash_attention_forward)
    ALL_MASK_ATTENTION_FUNCTIONS.register("reference_kernel", ALL_MASK_ATTENTION_FUNCTIONS["flash_attention_2"])
    yield "reference_kernel"
    assert called


WITHOUT_BIAS = {name: settings for name, settings in SPACE.items() if settings.get("position_encoding") != "alibi"}


@pytest.mark.parametrize("settings", WITHOUT_BIAS.values(), ids=WITHOUT_BIAS)
def test_flash_attention_is_given_all_that_it_must_know(settings, flash):
    plain, tokens = tiny_decoder(**settings), tiny_tokens(2, 13)
    fast = tiny_decoder(attention=flash, **settings)
    assert_close(fast(tokens).logits, plain(tokens).logits)
    packed = {"position_ids": PACKED, "use_cache": False}
    assert_close(fast(tokens, **packed).logits, plain(tokens, **packed).logits)
    input_ids, mask = left_padded(tokens, 3)
    assert_close(fast(input_ids, attention_mask=mask).logits[:, 3:], plain(tokens).logits, **ANGLES)
    cache = DynamicCache(config=fast.config)
    stepwise = [fast(piece, past_key_values=cache).logits for piece in tokens.split([8, 1, 1, 3], dim=1)]
    assert_close(torch.cat(stepwise, dim=1), plain(tokens).logits)


@pytest.mark.parametrize("activation", sorted(ACT2CLS))
@pytest.mark.parametrize("gated", [True, False])
def test_every_activation_of_transformers_has_a_gradient(activation, gated):
    model, tokens = tiny_decoder(hidden_act=activation, mlp_gated=gated, num_hidden_layers=1), tiny_tokens(1, 7)
    loss = model(tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    assert loss.isfinite() and model.model.layers[0].mlp.up_proj.weight.grad.any()


ROPES = {
    "linear": {"rope_type": "linear", "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 64},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    "llama3": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": 32},
}  # fmt: skip
each_rope = pytest.mark.parametrize("rope", ROPES)


def roped(rope: str, **changes):
    return tiny_decoder(rope_parameters={"rope_theta": 1e4, **ROPES[rope]}, **changes)


@each_rope
@pytest.mark.parametrize("length", [13, 80])
def test_a_rope_type_turns_as_in_llama(rope, length):
    """Beyond the context too, where the dynamic type changes its angles."""
    model, tokens = roped(rope, qk_norm=False), tiny_tokens(1, length)
    shared = {name: getattr(model.config, name) for name in (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rope_parameters",
        "num_key_value_heads", "head_dim", "max_position_embeddings", "pad_token_id", "tie_word_embeddings")}  # fmt: skip
    llama = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("llama", rms_norm_eps=model.config.norm_eps, **shared)
    )
    llama.eval().load_state_dict(model.float().state_dict())
    assert_close(model(tokens).logits, llama(tokens).logits, rtol=1e-4, atol=1e-4)


@each_rope
def test_a_rope_type_decodes_pads_and_is_saved_as_the_plain_one(rope, tmp_path):
    model, tokens = roped(rope), tiny_tokens(2, 11)
    expected, cache = model(tokens).logits, DynamicCache(config=model.config)
    pieces = [model(piece, past_key_values=cache).logits for piece in tokens.split([5, 1, 5], dim=1)]
    assert_close(torch.cat(pieces, dim=1), expected)
    input_ids, mask = left_padded(tokens, 3)
    assert_close(model(input_ids, attention_mask=mask).logits[:, 3:], expected, **ANGLES)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64).eval()
    assert_close(loaded(tokens).logits, expected)
    assert loaded.model.positions.attention_scaling == model.model.positions.attention_scaling


@pytest.mark.parametrize("settings", EACH_VALUE.values(), ids=EACH_VALUE)
def test_every_buffer_that_checkpoints_leave_out_is_there_after_loading(settings, tmp_path):
    model = tiny_decoder(**settings).float()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    saved, buffers = set(model.state_dict()), dict(model.named_buffers())
    assert not saved & set(buffers)  # none of ours is persistent
    assert {name: tensor.tolist() for name, tensor in loaded.named_buffers()} == {
        name: tensor.tolist() for name, tensor in buffers.items()
    }


@pytest.mark.parametrize("settings", EACH_VALUE.values(), ids=EACH_VALUE)
def test_sampling_draws_tokens_as_often_as_they_are_likely(settings):
    model, prompt = tiny_decoder(**settings), tiny_tokens(1, 5)
    torch.manual_seed(0)
    drawn = model.generate(prompt.expand(2000, -1), max_new_tokens=1, do_sample=True, top_k=0, pad_token_id=PAD)[:, 5]
    likely = model(prompt).logits[0, -1].softmax(-1)
    shares = torch.bincount(drawn, minlength=tiny_config().vocab_size) / 2000
    assert (shares - likely).abs().max() < 4 * (likely * (1 - likely) / 2000).sqrt().max()
