"""A model as one GGUF file, for llama.cpp and what builds on it, by the official `gguf` package.

The weights go by way of a family that llama.cpp knows (Qwen3 or Llama). After writing, the tokenizer is built anew from
what stands in the file and must cut a sample of text into the same tokens: a wrong one loads there without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, models

from pipeline.core.errors import StageError
from pipeline.export.patterns import pattern_name
from pipeline.models.convert import obstacles, to_family
from pipeline.models.word_patterns import bytes_by_pattern

if TYPE_CHECKING:
    from gguf import GGUFWriter
    from transformers import PreTrainedConfig, TokenizersBackend

    from pipeline.models.decoder import DecoderForCausalLM

ARCHITECTURES = ("qwen3", "llama")
SAMPLE = (
    "Hello, world! It's 2024: 1,234.56 kg\r\n\tIndented  twice\n\n\nnaïve café — 東京 Привет 🙂🙂 e\u0301",
    " leading and trailing  ",
    "I'LL we've THEY'RE 'quoted' (a+b)*c==42;",
)
"""Digits, contractions, white space of every kind, scripts, combining marks."""


def write_gguf(
    model: DecoderForCausalLM, tokenizer: TokenizersBackend, path: Path, sample: Iterable[str] = SAMPLE
) -> str:
    """Write `model` and its tokenizer in fp32 to `path`; the architecture that it was written as.

    Raises:
        StageError: naming the settings that no architecture of llama.cpp can express, or a text of `sample` that the
            written tokenizer cuts otherwise.
    """
    architecture = _architecture(model)
    plain = to_family(model, architecture)
    writer = _writer(path, architecture)
    _write_settings(writer, plain.config, architecture)
    _write_tokenizer(writer, tokenizer, plain.config.vocab_size)
    _write_tensors(writer, plain.state_dict(), plain.config, architecture)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    _compare_tokenizers(path, tokenizer, sample)
    return architecture


def _architecture(model: DecoderForCausalLM) -> str:
    preventing = {name: obstacles(model.config, name) for name in ARCHITECTURES}
    fitting = [name for name, found in preventing.items() if not found]
    if not fitting:
        reasons = " | ".join(f"{name}: {'; '.join(found)}" for name, found in preventing.items())
        raise StageError(f"no GGUF of this decoder: {reasons}")
    return fitting[0]


def _writer(path: Path, architecture: str) -> GGUFWriter:
    try:
        import gguf
    except ModuleNotFoundError:
        raise StageError("writing a GGUF needs the package gguf: pip install 'gristmill[export]'") from None
    return gguf.GGUFWriter(path, architecture)


def _write_settings(writer: GGUFWriter, config: PreTrainedConfig, architecture: str) -> None:
    import gguf

    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    if config.rope_parameters["rope_type"] != "default":
        raise StageError(f"rope_parameters: a GGUF of ours has plain rope, not {config.rope_parameters['rope_type']}")
    if architecture == "llama":
        writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _write_tokenizer(writer: GGUFWriter, tokenizer: TokenizersBackend, vocab_size: int) -> None:
    import gguf

    pattern = pattern_name(tokenizer.backend_tokenizer)
    settings = json.loads(tokenizer.backend_tokenizer.to_str())
    added = {token["id"]: token["content"] for token in settings["added_tokens"]}
    words = {index: token for token, index in settings["model"]["vocab"].items()} | added
    kinds = gguf.TokenType
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pattern)
    writer.add_token_list([words.get(index, f"[UNUSED{index}]") for index in range(vocab_size)])
    writer.add_token_types(
        [
            kinds.CONTROL if index in added else kinds.NORMAL if index in words else kinds.UNUSED
            for index in range(vocab_size)
        ]
    )
    merges = settings["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    for name in ("bos", "eos", "pad"):
        index = getattr(tokenizer, f"{name}_token_id")
        if index is not None:
            getattr(writer, f"add_{name}_token_id")(index)
    writer.add_add_bos_token(False)  # our chat template and documents write it themselves
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)


def _write_tensors(
    writer: GGUFWriter, state: dict[str, torch.Tensor], config: PreTrainedConfig, architecture: str
) -> None:
    import gguf

    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, architecture.upper()), config.num_hidden_layers)
    for name, tensor in state.items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if architecture == "llama" and name.endswith(("q_proj.weight", "k_proj.weight", "q_proj.bias", "k_proj.bias")):
            heads = config.num_attention_heads if ".q_proj." in name else config.num_key_value_heads
            tensor = interleaved(tensor, heads)
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert written is not None, name
        writer.add_tensor(written, tensor.float().contiguous().numpy())


def interleaved(projection: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows (heads * head_dim, ...) from halves to pairs: llama.cpp's Llama turns neighbours, transformers' halves."""
    return projection.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2)


def _compare_tokenizers(path: Path, tokenizer: TokenizersBackend, sample: Iterable[str]) -> None:
    written = tokenizer_of(path)
    for text in sample:
        expected = tokenizer.encode(text, add_special_tokens=False)
        found = written.encode(text, add_special_tokens=False).ids
        if found != expected:
            path.unlink()
            raise StageError(f"the GGUF's tokenizer cuts {text!r} into {found}, the model's into {expected}")


def tokenizer_of(path: Path) -> Tokenizer:
    """The tokenizer that a GGUF file describes, as llama.cpp would build it."""
    import gguf

    fields: dict[str, Any] = gguf.GGUFReader(path).fields
    words, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = bytes_by_pattern(fields["tokenizer.ggml.pre"].contents())
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
