"""Where a token stands: one class for each way of telling the model, and the table that names them.

An encoding may add to the embeddings (`embed`), and may give every layer angles by which queries and keys are turned
and a bias for their products (`place`, once for a forward). Its buffers are not saved: `initialize_buffers` fills them
after loading too.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import Cache, initialization
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS, dynamic_rope_update

from .configuration import DecoderConfig

Angles = tuple[Tensor, Tensor] | None


class Placed(NamedTuple):
    """What the layers need to know of where the tokens of one forward stand."""

    angles: Angles = None
    """Cosine and sine that queries and keys are turned by."""
    bias: Tensor | None = None
    """Added to the products of queries and keys: (batch, heads, length, keys)."""


class PositionEncoding(nn.Module):
    """What every encoding may do, done in no way: no encoding at all (https://arxiv.org/abs/2305.19466)."""

    absolute = False
    """Whether position ids must count from a row's first real token, rather than from its padding."""

    def __init__(self, config: DecoderConfig) -> None:
        """Nothing to learn."""
        super().__init__()

    def embed(self, hidden_states: Tensor, position_ids: Tensor) -> Tensor:
        """Embeddings (batch, length, hidden) with what is added to them for `position_ids` (batch or 1, length)."""
        return hidden_states

    def place(self, hidden_states: Tensor, position_ids: Tensor, past_key_values: Cache | None) -> Placed:
        """What the layers need, in the dtype and on the device of `hidden_states`."""
        return Placed()

    @staticmethod
    def rotate(queries: Tensor, keys: Tensor, angles: Angles) -> tuple[Tensor, Tensor]:
        """Queries and keys (batch, heads, length, head_dim) turned to their positions."""
        return queries, keys

    def initialize_buffers(self) -> None:
        """Fill the buffers that checkpoints leave out."""


class RotaryEmbedding(PositionEncoding):
    """Rotary positions (https://arxiv.org/abs/2104.09864), by halves as in Llama, with transformers' rope types."""

    def __init__(self, config: DecoderConfig) -> None:
        """Frequencies for the turned part of `config.head_dim`, scaled as `config.rope_parameters` says."""
        super().__init__(config)
        self.config = config
        self.rope_type = config.rope_parameters["rope_type"]
        # The names that transformers' dynamic rope types read and change.
        self.max_seq_len_cached = self.original_max_seq_len = config.max_position_embeddings
        frequencies, self.attention_scaling = self._frequencies()
        self.inv_freq = nn.Buffer(frequencies, persistent=False)
        self.original_inv_freq = nn.Buffer(frequencies.clone(), persistent=False)

    def _frequencies(self) -> tuple[Tensor, float]:
        scaled = ROPE_INIT_FUNCTIONS.get(self.rope_type, self.compute_default_rope_parameters)
        return scaled(self.config)

    @staticmethod
    def compute_default_rope_parameters(config: DecoderConfig, *_args: Any, **_kwargs: Any) -> tuple[Tensor, float]:
        """The paper's frequencies, theta^(-2i/d), unscaled; transformers looks this up by name."""
        width = int(config.head_dim * config.rope_parameters.get("partial_rotary_factor", 1.0))
        exponents = torch.arange(0, width, 2, dtype=torch.float) / width
        return config.rope_parameters["rope_theta"] ** -exponents, 1.0

    def initialize_buffers(self) -> None:
        """Restore the frequencies: a model made by `from_pretrained` holds arbitrary memory there."""
        frequencies, self.attention_scaling = self._frequencies()
        initialization.copy_(self.inv_freq, frequencies)
        initialization.copy_(self.original_inv_freq, frequencies)

    @torch.no_grad()
    def place(self, hidden_states: Tensor, position_ids: Tensor, past_key_values: Cache | None) -> Placed:
        """Cosine and sine, each (batch or 1, 1, length, turned width); the sine's first half is negative."""
        return Placed(angles=self.forward(hidden_states, position_ids))

    @dynamic_rope_update
    def forward(self, hidden_states: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """The angles, under the name and arguments that transformers' dynamic rope types wrap."""
        frequencies = self.inv_freq.to(hidden_states.device, torch.float)
        turned = position_ids[:, None, :, None].float() * frequencies
        cosine, sine = turned.cos() * self.attention_scaling, turned.sin() * self.attention_scaling
        halves = torch.cat((cosine, cosine), dim=-1), torch.cat((-sine, sine), dim=-1)
        return halves[0].to(hidden_states.dtype), halves[1].to(hidden_states.dtype)

    @staticmethod
    def rotate(queries: Tensor, keys: Tensor, angles: Angles) -> tuple[Tensor, Tensor]:
        """Both rotated by the angles of their positions."""
        assert angles is not None
        return rotate_halves(queries, *angles), rotate_halves(keys, *angles)


def rotate_halves(states: Tensor, cosine: Tensor, signed_sine: Tensor) -> Tensor:
    """`states` with element i turned against element i + width/2; what lies beyond the angles' width stays."""
    width = cosine.shape[-1]
    if width < states.shape[-1]:
        turned, kept = states.split((width, states.shape[-1] - width), dim=-1)
        return torch.cat((rotate_halves(turned, cosine, signed_sine), kept), dim=-1)
    first, second = states.chunk(2, dim=-1)
    return torch.addcmul(states * cosine, torch.cat((second, first), dim=-1), signed_sine)


class LearnedPositions(PositionEncoding):
    """A learned vector for each position, added to the embeddings; none beyond `max_position_embeddings`."""

    absolute = True

    def __init__(self, config: DecoderConfig) -> None:
        """A table (max_position_embeddings, hidden_size)."""
        super().__init__(config)
        self.table = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def embed(self, hidden_states: Tensor, position_ids: Tensor) -> Tensor:
        """Embeddings plus the vectors of their positions.

        Raises:
            ValueError: for a text longer than the table.
        """
        length, known = position_ids.shape[-1], self.table.num_embeddings
        if length > known:
            raise ValueError(
                f"a text of {length} tokens, and the model has learned {known} positions (max_position_embeddings); "
                "shorten it, or take a model whose positions are computed (rope, sinusoidal, alibi)"
            )
        return hidden_states + self.table(position_ids)


class SinusoidalPositions(PositionEncoding):
    """Sines and cosines of falling frequency, added to the embeddings (https://arxiv.org/abs/1706.03762, section 3.5).

    The embeddings are multiplied by sqrt(hidden_size), as there (section 3.4): drawn with the usual small deviation
    they would be lost beside numbers of the order of one.
    """

    absolute = True

    def __init__(self, config: DecoderConfig) -> None:
        """Frequencies 10000^(-2i/d)."""
        super().__init__(config)
        self.width = config.hidden_size
        self.frequencies = nn.Buffer(self._frequencies(), persistent=False)

    def _frequencies(self) -> Tensor:
        return 10000.0 ** (-torch.arange(0, self.width, 2, dtype=torch.float) / self.width)

    def initialize_buffers(self) -> None:
        """Restore the frequencies."""
        initialization.copy_(self.frequencies, self._frequencies())

    def embed(self, hidden_states: Tensor, position_ids: Tensor) -> Tensor:
        """Scaled embeddings plus sin at even and cos at odd places."""
        angles = position_ids[..., None].float() * self.frequencies.float()
        waves = torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)[..., : self.width]
        return hidden_states * math.sqrt(self.width) + waves.to(hidden_states.dtype)


class LinearBiases(PositionEncoding):
    """ALiBi: each head lowers a product by its slope times the distance (https://arxiv.org/abs/2108.12409)."""

    def __init__(self, config: DecoderConfig) -> None:
        """One slope for each head."""
        super().__init__(config)
        self.heads = config.num_attention_heads
        self.slopes = nn.Buffer(alibi_slopes(self.heads), persistent=False)

    def initialize_buffers(self) -> None:
        """Restore the slopes."""
        initialization.copy_(self.slopes, alibi_slopes(self.heads))

    def place(self, hidden_states: Tensor, position_ids: Tensor, past_key_values: Cache | None) -> Placed:
        """The bias by columns: distances within a document are the same in columns as in positions."""
        batch, length = hidden_states.shape[:2]
        keys, offset, seen = length, 0, 0
        if past_key_values is not None:
            keys, offset = past_key_values.get_mask_sizes(length, 0)
            seen = past_key_values.get_seq_length()
        device = hidden_states.device
        queries_at = torch.arange(length, device=device) + seen
        keys_at = torch.arange(keys, device=device) + offset
        distances = (keys_at[None, :] - queries_at[:, None]).float()
        bias = self.slopes.float().view(-1, 1, 1) * distances
        return Placed(bias=bias.to(hidden_states.dtype).expand(batch, -1, -1, -1))


def alibi_slopes(heads: int) -> Tensor:
    """2^(-8/n), 2^(-16/n), ... for n heads; when n is no power of two, the next lower's and every second of the next
    higher's (the paper's code).
    """
    lower = 2 ** math.floor(math.log2(heads))
    slopes = [2.0 ** (-8.0 * (index + 1) / lower) for index in range(lower)]
    slopes += [2.0 ** (-4.0 * (index + 1) / lower) for index in range(0, 2 * (heads - lower), 2)]
    return torch.tensor(slopes)


POSITION_ENCODINGS: dict[str, type[PositionEncoding]] = {
    "rope": RotaryEmbedding,
    "learned": LearnedPositions,
    "sinusoidal": SinusoidalPositions,
    "alibi": LinearBiases,
    "none": PositionEncoding,
}
