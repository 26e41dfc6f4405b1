"""The decoder is, weight for weight, the models that people know."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from pipeline.core.errors import StageError
from pipeline.models.convert import from_family, obstacles, to_family
from pipeline.models.decoder import DecoderForCausalLM
from tests.unit.models.tiny import PAD, VOCAB_SIZE, tiny_decoder, tiny_tokens

SIZES = {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 88, "max_position_embeddings": 64, "initializer_range": 0.3}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}  # fmt: skip
CASES = {
    "gpt2": ("gpt2", {"vocab_size": VOCAB_SIZE, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "llama": ("llama", SIZES),
    "llama, grouped queries, scaled rope": ("llama", {**SIZES, "num_key_value_heads": 2, "rope_parameters": LLAMA3}),
    "llama, biases, tied": ("llama", {**SIZES, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "qwen3": ("qwen3", {**SIZES, "num_key_value_heads": 2, "head_dim": 16}),
    "bloom": ("bloom", {"vocab_size": VOCAB_SIZE, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "bloom, six heads": ("bloom", {"vocab_size": VOCAB_SIZE, "hidden_size": 48, "n_layer": 2, "n_head": 6}),
    "mpt": ("mpt", {"vocab_size": VOCAB_SIZE, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 64}),
}
each_case = pytest.mark.parametrize("case", CASES)
directions = pytest.mark.parametrize("direction", ["to ours", "and back"])


def theirs(case: str) -> PreTrainedModel:
    """A model of transformers' own class with weights wide enough that everything shows in the logits."""
    model_type, settings = CASES[case]
    config = AutoConfig.for_model(model_type, pad_token_id=PAD, **settings)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for weights in model.parameters():
        weights.data.normal_(std=0.3)
    model.tie_weights()
    return model


def converted(case: str, direction: str) -> tuple[PreTrainedModel, PreTrainedModel]:
    """Their model, and ours with its weights; or ours, and theirs with its weights."""
    original = theirs(case)
    decoder = from_family(original)
    return (original, decoder) if direction == "to ours" else (decoder, to_family(decoder, CASES[case][0]))


@each_case
@directions
def test_logits_are_equal(case, direction):
    source, target = converted(case, direction)
    assert isinstance(target if direction == "to ours" else source, DecoderForCausalLM)
    tokens = tiny_tokens(2, 21)
    with torch.no_grad():
        assert_close(target(tokens).logits, source(tokens).logits, rtol=1e-5, atol=1e-5)


@each_case
@directions
def test_losses_and_gradients_are_equal(case, direction):
    source, target = converted(case, direction)
    tokens = tiny_tokens(2, 21)
    losses = []
    for model in (source, target):
        loss = model(tokens, labels=tokens).loss
        loss.backward()
        losses.append(loss.detach())
    assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-5)
    norms = [torch.stack([w.grad.norm() for w in model.parameters()]).norm() for model in (source, target)]
    assert_close(norms[1], norms[0], rtol=1e-5, atol=1e-5)
    embeddings = [model.get_input_embeddings().weight.grad for model in (source, target)]
    assert_close(embeddings[1], embeddings[0], rtol=1e-5, atol=1e-5)


@each_case
@directions
def test_greedy_generations_are_identical(case, direction):
    source, target = converted(case, direction)
    prompt = tiny_tokens(2, 5)
    answers = [
        model.generate(prompt, max_new_tokens=12, do_sample=False, pad_token_id=PAD) for model in (source, target)
    ]
    assert answers[0].tolist() == answers[1].tolist()


@each_case
def test_a_round_trip_gives_the_same_tensors(case):
    original = theirs(case)
    back = to_family(from_family(original), CASES[case][0]).state_dict()
    assert {name: tensor.tolist() for name, tensor in original.state_dict().items()} == {
        name: tensor.tolist() for name, tensor in back.items()
    }


def test_what_prevents_a_conversion_is_named():
    decoder = tiny_decoder(position_encoding="alibi", attn_logit_softcapping=3.0)
    assert "qk_norm is True, must be False" in obstacles(decoder.config, "llama")
    with pytest.raises(
        StageError,
        match=r"not to be saved as qwen3: .*attn_logit_softcapping is 3.0, must be None.*; it fits none of the others",
    ):
        to_family(decoder, "qwen3")


@pytest.mark.parametrize(
    ("model_type", "setting"),
    [("gpt2", {"scale_attn_by_inverse_layer_idx": True}), ("qwen3", {"use_sliding_window": True}),
     ("bloom", {"apply_residual_connection_post_layernorm": True})],
)  # fmt: skip
def test_a_foreign_setting_is_refused_by_name(model_type, setting):
    name = next(iter(setting))
    model = theirs(model_type)
    setattr(model.config, name, setting[name])
    with pytest.raises(StageError, match=name):
        from_family(model)


class TutorialModel(nn.Module):
    """The model that the project started from: learned positions, `nn.MultiheadAttention`, post-norm blocks with GELU."""

    def __init__(self, vocab_size: int, width: int, heads: int, layers: int, context: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, width), nn.Embedding(context, width)
        self.attentions = nn.ModuleList(nn.MultiheadAttention(width, heads, batch_first=True) for _ in range(layers))
        self.networks = nn.ModuleList(
            nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) for _ in range(layers)
        )
        self.first_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.second_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocab_size)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        length = tokens.shape[1]
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        states = self.tokens(tokens) + self.positions(torch.arange(length))
        for attention, network, first, second in zip(
            self.attentions, self.networks, self.first_norms, self.second_norms, strict=True
        ):
            states = first(states + attention(states, states, states, attn_mask=later, need_weights=False)[0])
            states = second(states + network(states))
        return self.head(self.norm(states))


@torch.no_grad()
def greedy(model: nn.Module, tokens: torch.Tensor, count: int) -> torch.Tensor:
    """`tokens` and the `count` likeliest after them, each from a forward pass over all before it."""
    for _ in range(count):
        tokens = torch.cat([tokens, model(tokens)[:, -1:].argmax(-1)], dim=1)
    return tokens


def tutorial_pair() -> tuple[TutorialModel, DecoderForCausalLM]:
    """The tutorial's model, and ours with its weights."""
    torch.manual_seed(7)
    tutorial = TutorialModel(VOCAB_SIZE, 32, 4, 2, 64).eval()
    for weights in tutorial.parameters():
        weights.data.normal_(std=0.3)
    decoder = tiny_decoder(
        position_encoding="learned", normalization="layernorm", norm_bias=True, norm_eps=1e-5, norm_position="post",
        qk_norm=False, num_key_value_heads=4, attention_bias=True, mlp_bias=True, mlp_gated=False, hidden_act="gelu",
        tie_word_embeddings=False, lm_head_bias=True,
    )  # fmt: skip
    state = {
        "model.embed_tokens.weight": tutorial.tokens.weight, "model.positions.table.weight": tutorial.positions.weight,
        "model.norm.weight": tutorial.norm.weight, "model.norm.bias": tutorial.norm.bias,
        "lm_head.weight": tutorial.head.weight, "lm_head.bias": tutorial.head.bias,
    }  # fmt: skip
    for index, (attention, network) in enumerate(zip(tutorial.attentions, tutorial.networks, strict=True)):
        layer = f"model.layers.{index}"
        for kind in ("weight", "bias"):
            fused = getattr(attention, f"in_proj_{kind}")
            for name, part in zip("qkv", fused.chunk(3), strict=True):
                state[f"{layer}.self_attn.{name}_proj.{kind}"] = part
            state[f"{layer}.self_attn.o_proj.{kind}"] = getattr(attention.out_proj, kind)
            state[f"{layer}.mlp.up_proj.{kind}"] = getattr(network[0], kind)
            state[f"{layer}.mlp.down_proj.{kind}"] = getattr(network[2], kind)
            state[f"{layer}.post_attention_layernorm.{kind}"] = getattr(tutorial.first_norms[index], kind)
            state[f"{layer}.post_feedforward_layernorm.{kind}"] = getattr(tutorial.second_norms[index], kind)
    decoder.load_state_dict(state)
    return tutorial, decoder


def test_the_tutorial_model_is_a_decoder():
    tutorial, decoder = tutorial_pair()
    tokens, prompt = tiny_tokens(2, 21), tiny_tokens(2, 5)
    logits = [model(tokens) for model in (tutorial, lambda tokens: decoder(tokens).logits)]
    assert_close(logits[1], logits[0], rtol=1e-5, atol=1e-5)
    losses = [nn.functional.cross_entropy(values[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()) for values in logits]
    assert_close(losses[1], losses[0])
    for loss in losses:
        loss.backward()
    assert_close(decoder.model.embed_tokens.weight.grad, tutorial.tokens.weight.grad, rtol=1e-5, atol=1e-5)
    written = decoder.generate(prompt, max_new_tokens=12, do_sample=False, pad_token_id=PAD)
    assert written.tolist() == greedy(tutorial, prompt, 12).tolist()
