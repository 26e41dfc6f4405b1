"""The families that we convert to and from: Llama, Qwen3, GPT-2, BLOOM and MPT."""

from __future__ import annotations

from transformers import PreTrainedConfig

from pipeline.models.convert.family import PLAIN, Family, Settings, departures
from pipeline.models.convert.layout import ByHead, InThirds
from pipeline.models.decoder import DecoderConfig

_SHARED = ("vocab_size", "initializer_range", "tie_word_embeddings")
_ROTARY: Settings = {
    **PLAIN,
    "position_encoding": "rope",
    "normalization": "rmsnorm",
    "embedding_norm": False,
    "mlp_gated": True,
}
_ROTARY_SETTINGS = {
    **{name: name for name in _SHARED},
    **{
        name: name
        for name in (
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "head_dim", "max_position_embeddings", "rope_parameters", "hidden_act", "attention_bias",
            "attention_dropout",
        )
    },
    "norm_eps": "rms_norm_eps",
}  # fmt: skip
_CLASSIC: Settings = {**PLAIN, "normalization": "layernorm", "qk_norm": False, "mlp_gated": False}


def _one_head_each(config: DecoderConfig) -> list[str]:
    """What architectures without grouped queries or heads of a width of their own cannot do."""
    return departures(
        config,
        {
            "num_key_value_heads": config.num_attention_heads,
            "head_dim": config.hidden_size // config.num_attention_heads,
        },
    )


def _four_wide(config: DecoderConfig) -> list[str]:
    return [*_one_head_each(config), *departures(config, {"intermediate_size": 4 * config.hidden_size})]


LLAMA = Family(
    "llama",
    requires={**_ROTARY, "qk_norm": False},
    settings={**_ROTARY_SETTINGS, "mlp_bias": "mlp_bias"},
)

QWEN3 = Family(
    "qwen3",
    requires={**_ROTARY, "qk_norm": True, "mlp_bias": False},
    settings=_ROTARY_SETTINGS,
    foreign=lambda config: departures(config, {"use_sliding_window": False}),
)

GPT2 = Family(
    "gpt2",
    requires={
        **_CLASSIC, "position_encoding": "learned", "norm_bias": True, "embedding_norm": False, "attention_bias": True,
        "mlp_bias": True,
    },
    settings={
        **{name: name for name in _SHARED}, "hidden_size": "n_embd", "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head", "max_position_embeddings": "n_positions", "norm_eps": "layer_norm_epsilon",
        "hidden_act": "activation_function", "attention_dropout": "attn_pdrop", "hidden_dropout": "resid_pdrop",
        "embedding_dropout": "embd_pdrop",
    },
    names={
        "model.embed_tokens": "transformer.wte", "model.positions.table": "transformer.wpe",
        "model.norm": "transformer.ln_f", "input_layernorm": "ln_1", "self_attn.o_proj": "attn.c_proj",
        "post_attention_layernorm": "ln_2", "mlp.up_proj": "mlp.c_fc", "mlp.down_proj": "mlp.c_proj",
    },
    layers="transformer.h.",
    fused="attn.c_attn",
    layout=InThirds(),
    transposed=True,
    ours=lambda config: {"intermediate_size": config.n_inner or 4 * config.n_embd},
    theirs=lambda config: {"n_inner": config.intermediate_size},
    foreign=lambda config: departures(
        config,
        {"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False},
    ),
    obstacles=_one_head_each,
)  # fmt: skip

BLOOM = Family(
    "bloom",
    requires={
        **_CLASSIC, "position_encoding": "alibi", "norm_bias": True, "embedding_norm": True, "attention_bias": True,
        "mlp_bias": True, "hidden_act": "gelu_pytorch_tanh",
    },
    settings={
        **{name: name for name in _SHARED}, "hidden_size": "hidden_size", "num_hidden_layers": "n_layer",
        "num_attention_heads": "n_head", "norm_eps": "layer_norm_epsilon", "attention_dropout": "attention_dropout",
        "hidden_dropout": "hidden_dropout",
    },
    names={
        "model.embed_tokens": "transformer.word_embeddings", "model.norm": "transformer.ln_f",
        "model.embedding_norm": "transformer.word_embeddings_layernorm", "self_attn.o_proj": "self_attention.dense",
        "mlp.up_proj": "mlp.dense_h_to_4h", "mlp.down_proj": "mlp.dense_4h_to_h",
    },
    layers="transformer.h.",
    fused="self_attention.query_key_value",
    layout=ByHead(),
    # ALiBi has no longest context; BLOOM's checkpoints name the length they were trained at where they name one.
    ours=lambda config: {
        "intermediate_size": 4 * config.hidden_size, "max_position_embeddings": getattr(config, "seq_length", 2048),
    },
    theirs=lambda config: {"seq_length": config.max_position_embeddings},
    foreign=lambda config: departures(config, {"apply_residual_connection_post_layernorm": False}),
    obstacles=_four_wide,
)  # fmt: skip


def _foreign_to_mpt(config: PreTrainedConfig) -> list[str]:
    plain = {"alibi": True, "alibi_bias_max": 8, "qk_ln": False, "clip_qkv": None, "softmax_scale": None,
             "prefix_lm": False}  # fmt: skip
    return [
        *departures(config, {"no_bias": True, "logit_scale": None, "emb_pdrop": 0.0}),
        *departures(config.attn_config, plain),
        *_slopes(config.n_heads),
    ]


def _slopes(heads: int) -> list[str]:
    """MPT orders the slopes of ALiBi otherwise than the paper where heads are no power of two."""
    return [] if heads & (heads - 1) == 0 else [f"num_attention_heads is {heads}, must be a power of two"]


MPT = Family(
    "mpt",
    requires={
        **_CLASSIC, "position_encoding": "alibi", "norm_bias": False, "embedding_norm": False, "attention_bias": False,
        "mlp_bias": False, "hidden_act": "gelu", "embedding_dropout": 0.0,
    },
    settings={
        **{name: name for name in _SHARED}, "hidden_size": "d_model", "num_hidden_layers": "n_layers",
        "num_attention_heads": "n_heads", "max_position_embeddings": "max_seq_len", "norm_eps": "layer_norm_epsilon",
    },
    names={
        "model.embed_tokens": "transformer.wte", "model.norm": "transformer.norm_f", "input_layernorm": "norm_1",
        "self_attn.o_proj": "attn.out_proj", "post_attention_layernorm": "norm_2", "mlp.up_proj": "ffn.up_proj",
        "mlp.down_proj": "ffn.down_proj",
    },
    layers="transformer.blocks.",
    fused="attn.Wqkv",
    layout=InThirds(),
    ours=lambda config: {
        "intermediate_size": config.expansion_ratio * config.d_model,
        "attention_dropout": config.attn_config.attn_pdrop, "hidden_dropout": config.attn_config.attn_pdrop,
    },
    theirs=lambda config: {"no_bias": True, "attn_config": {"alibi": True, "attn_pdrop": config.attention_dropout}},
    foreign=_foreign_to_mpt,
    obstacles=lambda config: [
        *_four_wide(config), *_slopes(config.num_attention_heads),
        *departures(config, {"hidden_dropout": config.attention_dropout}),
    ],
)  # fmt: skip

FAMILIES: dict[str, Family] = {family.model_type: family for family in (LLAMA, QWEN3, GPT2, BLOOM, MPT)}
