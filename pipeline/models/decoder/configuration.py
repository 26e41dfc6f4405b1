"""The decoder's shape, in transformers' own names, checked as it is made.

Fields are read by `huggingface_hub.dataclasses.strict`, which needs real annotations: no `from __future__` here.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.activations import ACT2CLS

WIDEST_HEAD = 64

# None may be given, but none is left after `__post_init__`: readers of a config meet numbers.
DERIVED: Any = None
if TYPE_CHECKING:
    Size = int
    Settings = dict[str, Any]
else:
    Size = int | None
    Settings = dict | None

AUTO_MAP = {
    "AutoConfig": "configuration.DecoderConfig",
    "AutoModel": "modeling.DecoderModel",
    "AutoModelForCausalLM": "modeling.DecoderForCausalLM",
    "AutoModelForSequenceClassification": "modeling.DecoderForSequenceClassification",
}


@strict
class DecoderConfig(PreTrainedConfig):
    """A decoder; left alone, in the shape of Qwen3 (https://arxiv.org/abs/2505.09388): pre-norm, SwiGLU, QK-norm.

    Widths left out follow from `hidden_size`: heads of the largest even width up to 64 that divides it, and an
    `intermediate_size` of 8/3 of it where the feed-forward network is gated, up to a multiple of 8, otherwise 4 of it.

    Raises:
        ValueError: for numbers that do not fit together.
        huggingface_hub.errors.StrictDataclassFieldValidationError: for a wrong type or an unknown name in a field.
    """

    model_type = "gristmill_decoder"
    keys_to_ignore_at_inference: ClassVar = ["past_key_values"]
    attribute_map: ClassVar = {"rms_norm_eps": "norm_eps", "layer_norm_eps": "norm_eps"}

    vocab_size: int = 512
    hidden_size: int = 128
    intermediate_size: Size = DERIVED
    num_hidden_layers: int = 2
    num_attention_heads: Size = DERIVED
    num_key_value_heads: Size = DERIVED
    head_dim: Size = DERIVED
    max_position_embeddings: int = 256
    position_encoding: Literal["rope", "learned", "sinusoidal", "alibi", "none"] = "rope"
    rope_parameters: Settings = DERIVED
    sliding_window: int | None = None
    attn_logit_softcapping: float | int | None = None
    final_logit_softcapping: float | int | None = None
    attention_bias: bool = False
    qk_norm: bool = True
    value_embeddings: bool = False
    hidden_act: str = "silu"
    mlp_gated: bool = True
    mlp_bias: bool = False
    normalization: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    norm_position: Literal["pre", "post"] = "pre"
    norm_eps: float = 1e-6
    norm_bias: bool = False
    embedding_norm: bool = False
    final_norm: bool = True
    initialization: Literal[
        "normal", "gpt2", "zero_residual", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"
    ] = "normal"
    initializer_range: float = 0.02
    attention_dropout: float | int = 0.0
    hidden_dropout: float | int = 0.0
    embedding_dropout: float | int = 0.0
    tie_word_embeddings: bool = True
    lm_head_bias: bool = False
    use_cache: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Derive what was left out; every class of the folder is named in `auto_map`, whichever is saved."""
        if _left_out(self.num_attention_heads):
            self.num_attention_heads = self.hidden_size // (self.head_dim or default_head_dim(self.hidden_size))
        if _left_out(self.num_key_value_heads):
            self.num_key_value_heads = self.num_attention_heads
        if _left_out(self.head_dim) and self.num_attention_heads > 0:
            self.head_dim = self.hidden_size // self.num_attention_heads
            self._require(
                self.head_dim * self.num_attention_heads == self.hidden_size,
                "hidden_size",
                f"not divisible by num_attention_heads ({self.num_attention_heads}); give head_dim too",
            )
        if _left_out(self.intermediate_size):
            gated = -(-self.hidden_size * 8 // 3 // 8) * 8
            self.intermediate_size = gated if self.mlp_gated else 4 * self.hidden_size
        kwargs["auto_map"] = dict(AUTO_MAP)
        self._require_consistency()
        super().__post_init__(**kwargs)

    @property
    def base_model_tp_plan(self) -> dict[str, str] | None:
        """How matrices are cut among processes; None for a decoder that cannot be cut so.

        Each process has some of the heads: a bias of positions and embeddings of values would have to be cut with them.
        """
        if self.position_encoding == "alibi" or self.value_embeddings:
            return None
        plan = {f"layers.*.self_attn.{name}_proj": "colwise" for name in ("q", "k", "v")}
        plan |= {"layers.*.self_attn.o_proj": "rowwise", "layers.*.mlp.up_proj": "colwise"}
        plan |= {"layers.*.mlp.down_proj": "rowwise"}
        if self.mlp_gated:
            plan["layers.*.mlp.gate_proj"] = "colwise"
        if self.qk_norm:
            plan |= {f"layers.*.self_attn.{name}_norm": "replicated_with_grad_allreduce" for name in ("q", "k")}
        return plan

    @property
    def base_model_pp_plan(self) -> dict[str, tuple[list[str], list[str]]] | None:
        """Which modules take part in a pipeline, with what goes in and out; None for a decoder that cannot be cut so.

        The stages after the first are given states in place of token ids: whatever is done to the embeddings before
        the first layer would be done to the states again, and nothing can be looked up by token.
        """
        changes = self.position_encoding in ("learned", "sinusoidal") or self.embedding_norm or self.embedding_dropout
        if changes or self.value_embeddings:
            return None
        return {
            "embed_tokens": (["input_ids"], ["inputs_embeds"]),
            "layers": (["hidden_states", "attention_mask"], ["hidden_states"]),
            "norm": (["hidden_states"], ["hidden_states"]),
        }

    def _require_consistency(self) -> None:
        for name in (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "max_position_embeddings",
        ):
            self._require(getattr(self, name) >= 1, name, "must be at least 1")
        heads = self.num_attention_heads
        self._require(
            heads % self.num_key_value_heads == 0,
            "num_key_value_heads",
            f"does not divide num_attention_heads ({heads})",
        )
        if self.position_encoding == "rope":
            turned = int(self.head_dim * (self.rope_parameters or {}).get("partial_rotary_factor", 1.0))
            self._require(turned % 2 == 0 and turned > 0, "head_dim", "rope rotates pairs: it must be even")
        for name in ("attention_dropout", "hidden_dropout", "embedding_dropout"):
            self._require(0 <= getattr(self, name) < 1, name, "must be in [0, 1)")
        for name in ("initializer_range", "norm_eps"):
            self._require(getattr(self, name) > 0, name, "must be above 0")
        for name in ("sliding_window", "attn_logit_softcapping", "final_logit_softcapping"):
            value = getattr(self, name)
            self._require(value is None or value > 0, name, "must be above 0, or null")
        self._require(
            not self.norm_bias or self.normalization == "layernorm", "norm_bias", "only a layernorm has a bias"
        )
        self._require(
            not (self.lm_head_bias and self.tie_word_embeddings),
            "lm_head_bias",
            "the output layer is the embedding, which has none; set tie_word_embeddings: false",
        )
        self._require(self.hidden_act in ACT2CLS, "hidden_act", f"is not one of {', '.join(sorted(ACT2CLS))}")

    def _require(self, holds: bool, name: str, reason: str) -> None:
        if not holds:
            raise ValueError(f"{name}: {getattr(self, name)}: {reason}")


def _left_out(value: object) -> bool:
    return value is None


def default_head_dim(hidden_size: int) -> int:
    """The largest even width up to 64 that divides `hidden_size`; the whole of it when there is none."""
    widths = (width for width in range(WIDEST_HEAD, 1, -2) if hidden_size % width == 0)
    return next(widths, hidden_size)


DecoderConfig.register_for_auto_class()
