"""Where a token stands: one class for each way of telling the model, and the table that names them.

An encoding may add to the embeddings (`embed`), and may turn queries and keys (`angles` once for a forward, `rotate` in
every layer). Its buffers are not saved: `initialize_buffers` fills them after loading too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import initialization
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS, dynamic_rope_update

from .configuration import DecoderConfig

Angles = tuple[Tensor, Tensor] | None


class PositionEncoding(nn.Module):
    """What every encoding may do, done in no way: no encoding at all."""

    absolute = False
    """Whether position ids must count from a row's first real token, rather than from its padding."""

    def embed(self, hidden_states: Tensor, position_ids: Tensor) -> Tensor:
        """Embeddings (batch, length, hidden) with what is added to them for `position_ids` (batch or 1, length)."""
        return hidden_states

    def angles(self, hidden_states: Tensor, position_ids: Tensor) -> Angles:
        """What `rotate` needs at these positions, in the dtype and on the device of `hidden_states`."""
        return None

    @staticmethod
    def rotate(queries: Tensor, keys: Tensor, angles: Angles) -> tuple[Tensor, Tensor]:
        """Queries and keys (batch, heads, length, head_dim) turned to their positions."""
        return queries, keys

    def initialize_buffers(self) -> None:
        """Fill the buffers that checkpoints leave out."""


class RotaryEmbedding(PositionEncoding):
    """Rotary positions (https://arxiv.org/abs/2104.09864), by halves as in Llama, with transformers' rope types."""

    def __init__(self, config: DecoderConfig) -> None:
        """Frequencies for `config.head_dim`, scaled as `config.rope_parameters` says."""
        super().__init__()
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
        exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float) / config.head_dim
        return config.rope_parameters["rope_theta"] ** -exponents, 1.0

    def initialize_buffers(self) -> None:
        """Restore the frequencies: a model made by `from_pretrained` holds arbitrary memory there."""
        frequencies, self.attention_scaling = self._frequencies()
        initialization.copy_(self.inv_freq, frequencies)
        initialization.copy_(self.original_inv_freq, frequencies)

    @torch.no_grad()
    def angles(self, hidden_states: Tensor, position_ids: Tensor) -> Angles:
        """Cosine and sine, each (batch or 1, 1, length, head_dim); the sine's first half is negative."""
        return self.forward(hidden_states, position_ids)

    @dynamic_rope_update
    def forward(self, hidden_states: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """`angles`, under the name and arguments that transformers' dynamic rope types wrap."""
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
    """`states` with element i turned against element i + head_dim/2."""
    first, second = states.chunk(2, dim=-1)
    return torch.addcmul(states * cosine, torch.cat((second, first), dim=-1), signed_sine)


class LearnedPositions(PositionEncoding):
    """A learned vector for each position, added to the embeddings; none beyond `max_position_embeddings`."""

    absolute = True

    def __init__(self, config: DecoderConfig) -> None:
        """A table (max_position_embeddings, hidden_size)."""
        super().__init__()
        self.table = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def embed(self, hidden_states: Tensor, position_ids: Tensor) -> Tensor:
        """Embeddings plus the vectors of their positions."""
        return hidden_states + self.table(position_ids)


POSITION_ENCODINGS: dict[str, type[PositionEncoding]] = {"rope": RotaryEmbedding, "learned": LearnedPositions}
