"""Our decoder to and from the checkpoints that people have: the same weights under other names.

What a family cannot express is refused with the settings that prevent it; nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from pipeline.core.errors import StageError
from pipeline.models.convert.families import FAMILIES
from pipeline.models.convert.family import Family, departures
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM

State = dict[str, Tensor]
AnyModel = TypeVar("AnyModel", bound=PreTrainedModel)
_LAYERS = "model.layers."
_FUSED = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")

__all__ = ["FAMILIES", "from_family", "obstacles", "to_family"]


def from_family(model: PreTrainedModel) -> DecoderForCausalLM:
    """A checkpoint of one of the families as our decoder, with the same weights.

    Raises:
        StageError: for another architecture, or one of its settings that the decoder does not have.
    """
    family = FAMILIES.get(model.config.model_type)
    if family is None:
        raise StageError(f"{model.config.model_type}: not one of {', '.join(FAMILIES)}, which convert to our decoder")
    foreign = family.foreign(model.config)
    if foreign:
        raise StageError(f"this {family.model_type} has what our decoder has not: {'; '.join(foreign)}")
    chosen = {ours: getattr(model.config, theirs) for ours, theirs in family.settings.items()}
    marks = {name: getattr(model.config, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = DecoderConfig(**{**family.requires, **chosen, **family.ours(model.config), **marks})
    decoder = DecoderForCausalLM(config)
    state = {
        ours: tensor
        for theirs, whole in model.state_dict().items()
        for ours, tensor in _ours(family, theirs, whole, config)
    }
    return _loaded(decoder, state)


def obstacles(config: DecoderConfig, model_type: str) -> list[str]:
    """The settings that keep a decoder from being saved as a checkpoint of this family; none when it can be."""
    family = FAMILIES[model_type]
    return [*departures(config, family.requires), *family.obstacles(config)]


def to_family(model: DecoderForCausalLM, model_type: str) -> PreTrainedModel:
    """Our decoder as a model of one of the families, which plain transformers opens without our code.

    Raises:
        StageError: naming the settings that prevent it.
    """
    preventing = obstacles(model.config, model_type)
    if preventing:
        fitting = ", ".join(name for name in FAMILIES if not obstacles(model.config, name)) or "none of the others"
        raise StageError(f"not to be saved as {model_type}: {'; '.join(preventing)}; it fits {fitting}")
    family = FAMILIES[model_type]
    chosen = {theirs: getattr(model.config, ours) for ours, theirs in family.settings.items()}
    marks = {name: getattr(model.config, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = AutoConfig.for_model(model_type, **{**chosen, **family.theirs(model.config), **marks})
    return _loaded(AutoModelForCausalLM.from_config(config), _theirs(family, model.state_dict(), model.config))


def _loaded(model: AnyModel, state: State) -> AnyModel:
    missing, unexpected = model.load_state_dict(state, strict=False)
    unknown = [name for name in unexpected if not name.endswith((".attn.bias", ".attn.masked_bias"))]
    untied = [name for name in missing if not (name == "lm_head.weight" and model.config.tie_word_embeddings)]
    assert not unknown and not untied, (unknown, untied)
    model.tie_weights()
    return model.eval()


def _ours(family: Family, name: str, tensor: Tensor, config: DecoderConfig) -> Iterator[tuple[str, Tensor]]:
    """A tensor of theirs as ours: under another name, turned, or in three."""
    module, _, kind = name.rpartition(".")
    if not module.startswith(family.layers):
        yield f"{_ours_of(family, module)}.{kind}", tensor
        return
    index, _, part = module.removeprefix(family.layers).partition(".")
    if family.transposed and tensor.ndim == 2:
        tensor = tensor.T
    if part == family.fused and family.layout:
        pieces = family.layout.split(tensor, config.num_attention_heads)
        for projection, piece in zip(_FUSED, pieces, strict=True):
            yield f"{_LAYERS}{index}.{projection}.{kind}", piece.contiguous()
    else:
        yield f"{_LAYERS}{index}.{_ours_of(family, part)}.{kind}", tensor.contiguous()


def _ours_of(family: Family, module: str) -> str:
    return next((ours for ours, theirs in family.names.items() if theirs == module), module)


def _theirs(family: Family, state: State, config: DecoderConfig) -> State:
    """Our state under their names."""
    found: State = {}
    for name, tensor in state.items():
        module, _, kind = name.rpartition(".")
        if not module.startswith(_LAYERS):
            found[f"{family.names.get(module, module)}.{kind}"] = tensor
            continue
        index, _, part = module.removeprefix(_LAYERS).partition(".")
        if family.layout and part in _FUSED:
            if part != _FUSED[0]:
                continue
            parts = [state[f"{_LAYERS}{index}.{projection}.{kind}"] for projection in _FUSED]
            part, tensor = family.fused, family.layout.join(parts, config.num_attention_heads)
        else:
            part = family.names.get(part, part)
        if family.transposed and tensor.ndim == 2:
            tensor = tensor.T
        found[f"{family.layers}{index}.{part}.{kind}"] = tensor.contiguous()
    return found
