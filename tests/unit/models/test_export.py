"""An exported model is the same model: in plain transformers, and in llama.cpp token for token."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipeline.core.errors import RunError, StageError
from pipeline.export import export
from pipeline.export.gguf_file import write_gguf
from pipeline.export.patterns import pattern_name
from pipeline.models.loading import new_model, save_model
from pipeline.stages.tokenizer.byte_pairs import train_byte_pairs
from pipeline.stages.tokenizer.characters import learn_characters
from tests.unit.models.tiny import tiny_config, tiny_tokens

TEXTS = ["Hello, world! 1234 it's", "please write  about\n\nthe sea", "東京 🙂 e\u0301 naïve", "I'LL 'quote' a+b==42;"]


def saved_decoder(folder: Path, **settings) -> Path:
    """A model of heads of 64, with a tokenizer trained on the spot."""
    tokenizer = train_byte_pairs(["the quick brown fox " * 20, "it's 1234 " * 20, *TEXTS], 320)
    config = tiny_config(vocab_size=384, hidden_size=128, num_attention_heads=2, num_key_value_heads=1, **settings)
    save_model(new_model(config, 3), tokenizer, folder)
    return folder


@pytest.mark.parametrize(("form", "settings"), [("qwen3", {}), ("llama", {"qk_norm": False, "attention_bias": True})])
def test_plain_transformers_opens_the_export_and_computes_the_same(tmp_path, form, settings):
    folder = saved_decoder(tmp_path / "model", **settings)
    target = export(folder, form, tmp_path / form)
    assert json.loads((target / "config.json").read_text())["model_type"] == form
    assert not list(target.glob("*.py"))
    tokens = tiny_tokens(2, 9)
    logits = [AutoModelForCausalLM.from_pretrained(path)(tokens).logits for path in (folder, target)]
    assert_close(logits[1], logits[0], rtol=0, atol=1e-5 * logits[0].abs().max().item())
    assert AutoTokenizer.from_pretrained(target).encode(TEXTS[0]) == AutoTokenizer.from_pretrained(folder).encode(
        TEXTS[0]
    )


def test_what_an_architecture_cannot_express_is_named_and_nothing_is_written(tmp_path):
    folder = saved_decoder(tmp_path / "model", position_encoding="alibi")
    for form in ("llama", "gguf"):
        pytest.importorskip("gguf") if form == "gguf" else None
        with pytest.raises(StageError, match="position_encoding is 'alibi', must be 'rope'"):
            export(folder, form, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(tmp_path):
    folder = saved_decoder(tmp_path / "model")
    with pytest.raises(RunError, match="is there already"):
        export(folder, "qwen3", folder)


def test_a_tokenizer_of_an_unknown_pattern_is_refused(tmp_path):
    pytest.importorskip("gguf", reason="needs the package gguf")
    from tokenizers import pre_tokenizers

    tokenizer = train_byte_pairs(TEXTS, 320)
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    with pytest.raises(StageError, match=r"llama\.cpp does not know this tokenizer's pattern"):
        write_gguf(new_model(tiny_config(), 3), tokenizer, tmp_path / "model.gguf")


def test_a_tokenizer_of_characters_is_refused_by_a_gguf_and_kept_by_a_checkpoint(tmp_path):
    tokenizer = learn_characters(TEXTS)
    with pytest.raises(StageError, match="needs a byte-level BPE; this tokenizer's tokens are characters"):
        pattern_name(tokenizer.backend_tokenizer)
    save_model(new_model(tiny_config(), 3), tokenizer, tmp_path / "model")
    target = export(tmp_path / "model", "qwen3", tmp_path / "qwen3")
    assert AutoTokenizer.from_pretrained(target).encode(TEXTS[0]) == tokenizer.encode(TEXTS[0])


@pytest.mark.parametrize("settings", [{}, {"qk_norm": False}], ids=["qwen3", "llama"])
def test_llama_cpp_reads_the_same_tokens_and_writes_the_same_text(tmp_path, settings):
    pytest.importorskip("gguf", reason="needs the package gguf")
    xllamacpp = pytest.importorskip("xllamacpp", reason="needs the package xllamacpp")
    folder = saved_decoder(tmp_path / "model", **settings)
    file = export(folder, "gguf", tmp_path / "model.gguf")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    parameters = xllamacpp.CommonParams()
    parameters.model.path, parameters.n_ctx, parameters.n_parallel, parameters.warmup = str(file), 64, 1, False
    parameters.cpuparams.n_threads = 1
    address = (server := xllamacpp.Server(parameters)).listening_address

    def ask(path: str, **body) -> list[int]:
        request = urllib.request.Request(
            f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        return json.load(urllib.request.urlopen(request))["tokens"]

    for text in TEXTS:
        assert ask("tokenize", content=text, add_special=False, parse_special=True) == tokenizer.encode(text)
    prompt = tokenizer.encode("the quick brown")
    with torch.no_grad():
        rows = model.generate(
            torch.tensor([prompt]), max_new_tokens=16, min_new_tokens=16, do_sample=False, pad_token_id=0
        )
    answer = ask("completion", prompt=prompt, n_predict=16, temperature=0, top_k=1, return_tokens=True, ignore_eos=True)
    assert answer == rows[0, len(prompt) :].tolist()
    del server
