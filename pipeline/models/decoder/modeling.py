"""The decoder as transformers knows models: the trunk, the language model and the classifier.

The folder imports nothing but torch and transformers, because it is copied beside every checkpoint (`auto_map`).
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import DynamicCache, GenerationMixin, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .attention import Attention
from .block import BLOCKS, DecoderBlock
from .configuration import DecoderConfig
from .initialization import initialize
from .norms import norm
from .positions import POSITION_ENCODINGS, PositionEncoding


class DecoderPreTrainedModel(PreTrainedModel):
    """What transformers must know of the decoder."""

    config: DecoderConfig
    config_class = DecoderConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _skip_keys_device_placement: ClassVar = ["past_key_values"]
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs: ClassVar = {"hidden_states": DecoderBlock, "attentions": Attention}

    @property
    def _supports_flash_attn(self) -> bool:
        """Flash attention takes no bias of positions."""
        return self.config.position_encoding != "alibi"

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, PositionEncoding):
            module.initialize_buffers()
        elif isinstance(module, nn.Linear | nn.Embedding):
            initialize(module, self.config)
        else:
            super()._init_weights(module)


class DecoderModel(DecoderPreTrainedModel):
    """Embeddings, layers and, unless `final_norm` is off, a last norm: token ids to hidden states."""

    def __init__(self, config: DecoderConfig) -> None:
        """Weights drawn from torch's global generator; `loading.new_model` draws them from a seed."""
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = POSITION_ENCODINGS[config.position_encoding](config)
        self.embedding_norm = norm(config, config.hidden_size) if config.embedding_norm else nn.Identity()
        self.embedding_dropout = nn.Dropout(config.embedding_dropout)
        block = BLOCKS[config.norm_position]
        self._no_split_modules = {block.__name__}
        self.layers = nn.ModuleList(block(config, index) for index in range(config.num_hidden_layers))
        self.norm = norm(config, config.hidden_size) if config.final_norm else nn.Identity()
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states (batch, length, hidden) for `input_ids` (batch, length) or `inputs_embeds`.

        Rows packed from several documents are told apart by `position_ids` that start anew, given without
        `attention_mask` and without a cache that already holds something.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        if input_ids is None and self.config.value_embeddings:
            raise ValueError("value_embeddings are looked up by token: give input_ids, not inputs_embeds")
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
        assert inputs_embeds is not None
        # Before a cache is made: position ids mark documents only where there is none, and a new one holds nothing.
        make_mask = create_sliding_window_causal_mask if self.config.sliding_window else create_causal_mask
        mask = make_mask(  # by place: transformers 5.24 gave the cache another name
            self.config,
            inputs_embeds,
            attention_mask,
            past_key_values,
            position_ids,
            allow_is_causal_skip=self.config.attn_logit_softcapping is None,  # our own attention needs the mask itself
        )
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        if position_ids is None:
            position_ids = self._position_ids(inputs_embeds, attention_mask, past_key_values)
        hidden_states = self.embedding_norm(self.positions.embed(inputs_embeds, position_ids))
        hidden_states = self.embedding_dropout(hidden_states)
        placed = self.positions.place(hidden_states, position_ids, past_key_values)
        for layer in self.layers:
            hidden_states = layer(
                hidden_states,
                attention_mask=mask,
                placed=placed,
                past_key_values=past_key_values,
                position_ids=position_ids,  # flash attention reads packed documents from them
                token_ids=input_ids,
                **kwargs,
            )
        return BaseModelOutputWithPast(self.norm(hidden_states), past_key_values if use_cache else None)

    def _position_ids(self, embeddings: Tensor, mask: Tensor | None, cache: Cache | None) -> Tensor:
        """Positions (batch or 1, length) of tokens that follow what the cache holds."""
        length = embeddings.shape[1]
        if self.positions.absolute and mask is not None and mask.ndim == 2:
            return (mask.long().cumsum(-1) - 1).clamp(min=0)[:, -length:]
        seen = 0 if cache is None else cache.get_seq_length()
        return (torch.arange(length, device=embeddings.device) + seen).unsqueeze(0)


class DecoderForCausalLM(DecoderPreTrainedModel, GenerationMixin):
    """The language model: token ids to logits, and the loss of the labels."""

    _tied_weights_keys: ClassVar = {"lm_head.weight": "model.embed_tokens.weight"}
    _tp_plan: ClassVar = {"lm_head": "colwise_gather_output"}

    def __init__(self, config: DecoderConfig) -> None:
        """The trunk and a head, which is the embedding itself when `tie_word_embeddings`."""
        super().__init__(config)
        self.model = DecoderModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=config.lm_head_bias)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits (batch, kept, vocabulary), and with `labels` (batch, length; -100 bears no loss) their mean loss.

        `num_items_in_batch` among `kwargs` makes the loss a sum over that many tokens (gradient accumulation).
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(states_to_keep(outputs.last_hidden_state, logits_to_keep))
        if self.config.final_logit_softcapping is not None:
            logits = self.config.final_logit_softcapping * torch.tanh(logits / self.config.final_logit_softcapping)
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


def states_to_keep(hidden_states: Tensor, logits_to_keep: int | Tensor) -> Tensor:
    """The states whose logits are wanted, by the rules of transformers' newest models.

    An int: the last so many, 0 for all. A tensor of positions: for every row, or (batch, count) for each. A boolean
    tensor (batch, length): those where it is true, flattened to (count, hidden).
    """
    if isinstance(logits_to_keep, int):
        return hidden_states[:, -logits_to_keep:]
    if logits_to_keep.ndim == 1:
        return hidden_states[:, logits_to_keep]
    if logits_to_keep.dtype == torch.bool:
        return hidden_states[logits_to_keep]
    return hidden_states.take_along_dim(logits_to_keep[..., None], dim=1)


class DecoderForSequenceClassification(GenericForSequenceClassification, DecoderPreTrainedModel):
    """A score (or `num_labels` of them) for each row, read at its last token that is not padding."""

    def __init__(self, config: DecoderConfig) -> None:
        """The trunk and a head without bias.

        Not the generic class's own, which asks `AutoModel` for the trunk: where this folder's code runs from a
        checkpoint, `AutoModel` does not know it.
        """
        DecoderPreTrainedModel.__init__(self, config)
        assert config.num_labels is not None
        self.num_labels = config.num_labels
        self.model = DecoderModel(config)
        self.score = nn.Linear(config.hidden_size, self.num_labels, bias=False)
        self.post_init()


DecoderModel.register_for_auto_class("AutoModel")
DecoderForCausalLM.register_for_auto_class("AutoModelForCausalLM")
DecoderForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
