"""Closed formulas of a decoder, from its settings alone and without torch: parameters, FLOPs, activations.

Exact for our decoder; near for others, whose blocks differ a little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OWN = "gristmill_decoder"
_WIDEST_HEAD = 64
_OLD_NAMES = {
    "hidden_size": ("n_embd", "d_model"),
    "num_hidden_layers": ("n_layer",),
    "num_attention_heads": ("n_head",),
    "max_position_embeddings": ("n_positions",),
    "intermediate_size": ("n_inner", "ffn_dim"),
}
"""What the configs of older architectures call the same thing."""
_SWITCHES = {
    "tie_word_embeddings": True, "mlp_gated": True, "qk_norm": True, "value_embeddings": False,
    "attention_bias": False, "mlp_bias": False,
    "norm_bias": False, "embedding_norm": False, "final_norm": True, "lm_head_bias": False,
}  # fmt: skip
"""Settings of the decoder that decide how many weights it has, with what they are when left out."""


@dataclass(frozen=True)
class DecoderSizes:
    """The widths of a decoder, in transformers' names, none left out."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    max_position_embeddings: int
    learned_positions: bool = False
    tie_word_embeddings: bool = True
    mlp_gated: bool = True
    qk_norm: bool = True
    value_embeddings: bool = False
    attention_bias: bool = False
    mlp_bias: bool = False
    norm_bias: bool = False
    embedding_norm: bool = False
    final_norm: bool = True
    lm_head_bias: bool = False
    labels: int = 0
    """Scores of a classifier; 0 for a language model, whose head is the vocabulary."""
    own: bool = True
    """Whether it is our decoder, for which the formulas are exact."""

    @property
    def queries_width(self) -> int:
        """Width of all heads' queries."""
        return self.num_attention_heads * self.head_dim

    @property
    def keys_width(self) -> int:
        """Width of all heads' keys, and of their values."""
        return self.num_key_value_heads * self.head_dim

    @property
    def layer_matrices(self) -> int:
        """Weights of one layer's matrices: four projections of attention, two of the network, and its gate's."""
        attention = self.hidden_size * (2 * self.queries_width + 2 * self.keys_width)
        return attention + (2 + self.mlp_gated) * self.hidden_size * self.intermediate_size

    @property
    def layer_vectors(self) -> int:
        """One layer's scales and biases: two norms of the states, those of a head's query and key, projections'."""
        norms = (1 + self.norm_bias) * (2 * self.hidden_size + 2 * self.head_dim * self.qk_norm)
        attention = self.attention_bias * (self.queries_width + 2 * self.keys_width + self.hidden_size)
        return norms + attention + self.mlp_bias * ((1 + self.mlp_gated) * self.intermediate_size + self.hidden_size)

    @property
    def head_matrix(self) -> int:
        """Weights of the output layer, the embedding itself where the two are tied."""
        return self.hidden_size * (self.labels or self.vocab_size)

    @property
    def matrices(self) -> int:
        """Weights that multiply every token."""
        return self.num_hidden_layers * self.layer_matrices + self.head_matrix

    @property
    def parameters(self) -> int:
        """All weights: embeddings of tokens, positions and values, layers, norms outside of them, a head of its own."""
        tables = self.vocab_size + (self.max_position_embeddings if self.learned_positions else 0)
        own_head = self.head_matrix if self.labels or not self.tie_word_embeddings else 0
        values = self.value_embeddings * self.vocab_size * self.keys_width
        layers = self.num_hidden_layers * (self.layer_matrices + self.layer_vectors + values)
        norms = (self.embedding_norm + self.final_norm) * (1 + self.norm_bias) * self.hidden_size
        return tables * self.hidden_size + layers + norms + own_head + self.lm_head_bias * self.vocab_size


def sizes_of(settings: Mapping[str, Any], **changes: Any) -> DecoderSizes:
    """The sizes of a decoder whose settings or `config.json` are given; `changes` (vocab_size) go before them.

    Widths left out follow from `hidden_size` by the rules of `decoder.configuration`.
    """

    def found(name: str, default: int = 0) -> int:
        names = (name, *_OLD_NAMES.get(name, ()))
        return next((int(settings[key]) for key in names if settings.get(key) is not None), default)

    hidden = found("hidden_size")
    heads = found("num_attention_heads") or hidden // (found("head_dim") or default_head_dim(hidden))
    switches = {name: bool(settings.get(name, default)) for name, default in _SWITCHES.items()}
    inner = -(-hidden * 8 // 3 // 8) * 8 if switches["mlp_gated"] else 4 * hidden
    values: dict[str, Any] = {
        "vocab_size": found("vocab_size"),
        "hidden_size": hidden,
        "intermediate_size": found("intermediate_size", inner),
        "num_hidden_layers": found("num_hidden_layers"),
        "num_attention_heads": heads,
        "num_key_value_heads": found("num_key_value_heads", heads),
        "head_dim": found("head_dim", hidden // max(heads, 1)),
        "max_position_embeddings": found("max_position_embeddings"),
        "learned_positions": settings.get("position_encoding") == "learned",
        **switches,
        "own": settings.get("model_type", OWN) == OWN,
    }
    return DecoderSizes(**values | changes)


def default_head_dim(hidden_size: int) -> int:
    """The width of a head when none is given: that of `decoder.configuration`, which imports transformers."""
    widths = (width for width in range(_WIDEST_HEAD, 1, -2) if hidden_size % width == 0)
    return next(widths, hidden_size)


def forward_flops(sizes: DecoderSizes, tokens: float, length: float) -> float:
    """FLOPs of reading `tokens` tokens in rows of `length` (https://arxiv.org/abs/2204.02311, appendix B).

    A multiplication with its addition counts as two. Attention is counted whole, the half that the mask hides too.
    """
    attention = 4 * sizes.num_hidden_layers * sizes.queries_width * length
    return tokens * (2 * sizes.matrices + attention)


def training_flops(sizes: DecoderSizes, tokens: float, length: float, *, frozen: bool = False) -> float:
    """FLOPs of forward and backward pass over `tokens` tokens: the backward pass multiplies twice as much.

    Only once as much where the weights are `frozen` and an adapter, too small to count, is trained beside them.
    """
    return (2 if frozen else 3) * forward_flops(sizes, tokens, length)


@dataclass(frozen=True)
class Pass:
    """The tensors of one forward pass, as far as their size goes."""

    rows: int
    length: int
    """Tokens of a row, padding counted."""
    logits: int | None = None
    """Positions whose logits are computed; all when left out."""
    mask_columns: int = 0
    """Keys that each token's row of an attention mask holds; 0 without a mask."""
    precision: str = "fp32"
    attention: str = "sdpa"

    @property
    def tokens(self) -> int:
        """All positions."""
        return self.rows * self.length


def saved_bytes(sizes: DecoderSizes, forward: Pass) -> int:
    """Bytes that a forward pass without recomputation keeps for the backward pass, the loss left out.

    After https://arxiv.org/abs/2205.05198, equation 1, with our block in place of GPT's: what autograd keeps of RMSNorm
    (its input and the normalised states), QK-norm, rotation, grouped keys and values, the fused attention kernel and
    SwiGLU. Under bf16 the residual stream and the norms stay fp32 (`wide`), and a matrix product keeps its own bf16
    copy of what it read (`narrow`).
    """
    hidden, inner = sizes.hidden_size, sizes.intermediate_size
    queries, keys = sizes.queries_width, sizes.keys_width
    heads = sizes.num_attention_heads + sizes.num_key_value_heads
    if forward.precision == "bf16":
        wide, narrow = 4 * hidden + queries + keys, 5 * hidden + 3 * queries + 3 * keys + 4 * inner
        last = 4 * 2 * hidden + 2 * hidden
    else:
        wide, narrow = 6 * hidden + 4 * queries + 4 * keys + 4 * inner, 0
        last = 4 * 3 * hidden
    width = 2 if forward.precision == "bf16" else 4
    statistics = 4 * (heads + 2 + sizes.num_attention_heads)  # of each norm, and of each head's softmax
    mask = width * forward.mask_columns
    if forward.attention == "eager":  # the kernel is spelled out: probabilities and their product with the dropout mask
        mask += 2 * 4 * sizes.num_attention_heads * forward.length
    layers = sizes.num_hidden_layers * (4 * wide + 2 * narrow + statistics + mask)
    # Cosine and sine; of every row where rows differ in their positions.
    angles = (
        0
        if sizes.learned_positions
        else 2 * 4 * sizes.head_dim * (forward.tokens if forward.mask_columns else forward.length)
    )
    return forward.tokens * (layers + last) + angles


def loss_bytes(sizes: DecoderSizes, forward: Pass) -> int:
    """Bytes of the loss at its widest: log-softmax, the likelihood's gradient, the logits' gradient; all fp32."""
    if sizes.labels:
        return 0
    return 3 * 4 * sizes.vocab_size * (forward.tokens if forward.logits is None else forward.logits)


def reading_bytes(sizes: DecoderSizes, forward: Pass) -> int:
    """Bytes of a forward pass without gradients, weights left out: one layer's states, then the logits."""
    attention = 4 * sizes.queries_width + 3 * sizes.keys_width
    widest = 2 * sizes.hidden_size + max(attention, 3 * sizes.intermediate_size)
    states = forward.tokens * 4 * (widest + forward.mask_columns)
    kept = forward.tokens if forward.logits is None else forward.logits
    logits = 4 * kept * 2 * sizes.vocab_size if not sizes.labels else 0
    return max(states, forward.tokens * 4 * sizes.hidden_size + logits)


def sampling_bytes(sizes: DecoderSizes, rows: int, prompt_length: int, max_new_tokens: int) -> int:
    """Bytes of sampling `rows` answers side by side, weights left out: at the prompts' end, or at the answers'.

    Drawing a token holds its logits five times: as they come, log-softmax, probabilities, and their sum in float64.
    """
    prompts = reading_bytes(sizes, Pass(rows, prompt_length, logits=rows, mask_columns=prompt_length))
    drawing = rows * sizes.vocab_size * 4 * 5
    length = prompt_length + max_new_tokens
    return max(cache_bytes(sizes, rows, prompt_length) + prompts, cache_bytes(sizes, rows, length) + drawing)


def cache_bytes(sizes: DecoderSizes, rows: int, length: int) -> int:
    """Bytes of the keys and values of `rows` rows of `length` tokens, and of the layer that is being lengthened."""
    return rows * length * 4 * 2 * sizes.keys_width * (sizes.num_hidden_layers + 1)
