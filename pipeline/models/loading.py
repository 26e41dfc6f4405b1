"""Model folders: open them, make fresh models and classifiers, and save them so that plain transformers opens them.

Importing this module makes the decoder known to transformers' Auto classes. Addresses are resolved before: a path here
is a folder, and one that does not exist is never looked for on the Hub.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TokenizersBackend,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from pipeline.artifacts import is_adapter
from pipeline.core.artifact import read_json
from pipeline.core.errors import StageError
from pipeline.models.decoder import DecoderConfig, DecoderForCausalLM, DecoderForSequenceClassification, DecoderModel
from pipeline.models.merging import base_folder, make_room_for, merge_folder

LONGEST_ANSWER = 256
"""Tokens that `generate` makes of a saved model unless told otherwise; half the context where that is less."""

AutoConfig.register(DecoderConfig.model_type, DecoderConfig, exist_ok=True)
AutoModel.register(DecoderConfig, DecoderModel, exist_ok=True)
AutoModelForCausalLM.register(DecoderConfig, DecoderForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(DecoderConfig, DecoderForSequenceClassification, exist_ok=True)


def new_model(config: DecoderConfig, seed: int) -> DecoderForCausalLM:
    """A decoder with fresh weights that depend on `config` and `seed` alone; torch's generator is left as it was."""
    with _seeded(seed):
        return DecoderForCausalLM(copy.deepcopy(config))


def load_config(path: Path | str) -> PreTrainedConfig:
    """The config of a model folder; of an adapter's, that of its base.

    Raises:
        StageError: if the folder or its `config.json` is missing, or its model needs code that is not here.
    """
    if is_adapter(Path(path)):
        return load_config(base_folder(Path(path)))
    folder = _folder(path, "config.json")
    settings = read_json(folder / "config.json")
    kind, code = settings.get("model_type"), settings.get("auto_map")
    if kind not in CONFIG_MAPPING:
        theirs = f" ({next(iter(code.values()))} is not run)" if code else ""
        raise StageError(
            f"{folder / 'config.json'}: model_type: {kind!r} is not known to the installed transformers; "
            f"upgrade it, or take a model that needs no code of its own{theirs}"
        )
    with _opening(folder, "config.json"):
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)


def load_model(path: Path | str, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """The causal language model of a folder, in evaluation mode, in the dtype it was saved in unless `dtype` is given.

    An adapter alone is added to the weights of its base.

    Raises:
        StageError: as `load_config`, `base_folder` and `merge_folder`.
    """
    if is_adapter(Path(path)):
        model = merge_folder(load_model(base_folder(Path(path)), dtype), Path(path))
        make_room_for(model, load_tokenizer(path))
        return model
    config = load_config(path)
    kind = AutoModelForCausalLM
    with _opening(path, "the weights"):
        model = kind.from_pretrained(path, config=config, dtype=dtype or "auto", trust_remote_code=False)
    return _in_own_memory(model)


def load_classifier(
    path: Path | str, start: Literal["model", "fresh"] | None = None, seed: int = 0, dtype: torch.dtype | None = None,
    pad_id: int | None = None,
) -> PreTrainedModel:  # fmt: skip
    """A scorer with one label, in evaluation mode.

    `start` is None for a folder that holds a classifier. For one that holds a language model, "model" takes its trunk
    and draws a new head from `seed`; "fresh" takes only its shape and draws every weight. `pad_id` is the padding
    token's id where the folder's is not to be used.

    Raises:
        StageError: as `load_config`; if no padding token is known; without `start`, if it holds no classifier.
    """
    if start is None and is_adapter(Path(path)):
        raise StageError(f"{path}: an adapter alone is no reward model; merge it into its base, and give that folder")
    config = load_config(path)
    if pad_id is not None:
        # An embedding refuses one that it has no row of; rows are added by whoever added the token.
        config.pad_token_id = pad_id if pad_id < config.vocab_size else None
    elif config.pad_token_id is None:
        config.pad_token_id = require_pad_token(load_tokenizer(path))
    kind = AutoModelForSequenceClassification
    if start is not None:
        config.num_labels, config.dtype = 1, dtype or config.dtype
        with _seeded(seed):
            model = kind.from_config(config, trust_remote_code=False).eval()
        if start == "model":
            model.base_model.load_state_dict(load_model(path, dtype).base_model.state_dict())
        return model
    if not any(name.endswith("ForSequenceClassification") for name in config.architectures or []):
        raise StageError(f"{path}: {config.architectures} is no sequence classifier; give a reward model's folder")
    with _opening(path, "the weights"):
        model = kind.from_pretrained(path, config=config, dtype=dtype or "auto", trust_remote_code=False)
    return _in_own_memory(model)


def load_tokenizer(path: Path | str) -> TokenizersBackend:
    """The tokenizer of a model's or a tokenizer's folder; of an adapter without one, that of its base.

    Raises:
        StageError: if the folder or its `tokenizer_config.json` is missing; if the tokenizer is not a fast one, or has
            tokens that the folder's model has no embedding of.
    """
    if is_adapter(Path(path)) and not (Path(path) / "tokenizer_config.json").is_file():
        return load_tokenizer(base_folder(Path(path)))
    folder = _folder(path, "tokenizer_config.json")
    with _opening(folder, "the tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not isinstance(tokenizer, TokenizersBackend):
        raise StageError(f"{folder}: a {type(tokenizer).__name__} has no tokenizer.json; convert it to a fast one")
    known = read_json(folder / "config.json").get("vocab_size") if (folder / "config.json").is_file() else None
    if known is not None and len(tokenizer) > known:
        raise StageError(
            f"{folder}: the tokenizer has {len(tokenizer)} tokens and the model an embedding of {known}; take the "
            "tokenizer that the model was trained with, or resize_token_embeddings and save both"
        )
    return tokenizer


def require_pad_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding token's id.

    Raises:
        StageError: if there is none, or if it is the end token, which would then be masked with the padding.
    """
    pad_id = tokenizer.pad_token_id
    if not isinstance(pad_id, int) or pad_id == tokenizer.eos_token_id:
        raise StageError(
            f"{tokenizer.name_or_path}: pad_token: {tokenizer.pad_token!r} (end token {tokenizer.eos_token!r}): "
            "must be a token of its own; set one in the tokenizer's folder and save it again"
        )
    return pad_id


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path | str) -> None:
    """Write weights (safetensors), config, generation settings, tokenizer and, for the decoder, its code.

    The files depend on weights, shape and tokenizer alone. Trainers switch the cache off; it is on in what is saved.
    """
    model.config.use_cache = True
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(model.config, name, getattr(tokenizer, name))
    if model.can_generate():
        model.generation_config = generation_settings(model.config, tokenizer)
    model.save_pretrained(folder)
    for name in ("is_local", "local_files_only", "name_or_path"):  # how it was opened is no part of what it is
        tokenizer.init_kwargs.pop(name, None)
    tokenizer.save_pretrained(folder)


def generation_settings(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """How `generate` behaves on a saved model: sampled, ended by the end token, with the cache."""
    return GenerationConfig(
        do_sample=True,
        max_new_tokens=min(LONGEST_ANSWER, getattr(config, "max_position_embeddings", 2 * LONGEST_ANSWER) // 2),
        use_cache=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _in_own_memory(model: PreTrainedModel) -> PreTrainedModel:
    """`model` with its weights copied out of the checkpoint's file.

    There they lie as the file's header leaves them, seldom where vector instructions want them, and the last bits of a
    product depend on that: the same weights would not give the same logits before and after saving.
    """
    for weights in (*model.parameters(), *model.buffers()):
        weights.data = weights.data.clone()
    return model


def _folder(path: Path | str, needed: str) -> Path:
    """`path`, seen to be a folder that holds `needed`: transformers would take a missing one for a Hub id."""
    folder = Path(path)
    if not folder.is_dir():
        raise StageError(f"{folder}: no such folder; give one that holds {needed}")
    if not (folder / needed).is_file():
        raise StageError(f"{folder}: holds no {needed}; give the folder of a model saved by save_pretrained")
    return folder


@contextmanager
def _opening(path: Path | str, part: str) -> Iterator[None]:
    """Whatever the libraries raise on the files of a folder is the folder's fault, and an error that names it."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())
        if isinstance(error, MemoryError) or "memory" in reason:
            raise  # the machine's fault, not the folder's
        if "ignore_mismatched_sizes" in reason:
            reason = "their sizes are not those of config.json"
        raise StageError(
            f"{path}: {part} cannot be opened ({type(error).__name__}: {reason:.160}); the folder is damaged, or was "
            "not saved by save_pretrained"
        ) from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from `seed` inside, and from where torch's CPU generator stood afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
