"""Model folders: what is saved is what is opened, here and in a process that does not know the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from pipeline.core.errors import PipelineError
from pipeline.models.decoder.positions import POSITION_ENCODINGS
from pipeline.models.loading import (
    load_classifier,
    load_model,
    load_tokenizer,
    new_model,
    require_pad_token,
    save_model,
)
from tests.unit.models.tiny import BEGIN, END, PAD, tiny_config, tiny_decoder, tiny_tokenizer, tiny_tokens

STRANGER = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
tokens, found = torch.load("tokens.pt"), []
for folder, auto in (("classifier", AutoModelForSequenceClassification), ("model", AutoModelForCausalLM)):
    model = auto.from_pretrained(folder, trust_remote_code=True)
    for weights in model.parameters():  # out of the file, where products round differently
        weights.data = weights.data.clone()
    with torch.no_grad():
        found.append(model(tokens).logits)
torch.save(found, "logits.pt")
answer = model.generate(tokens, attention_mask=torch.ones_like(tokens))
assert answer.shape[1] <= tokens.shape[1] + model.generation_config.max_new_tokens
assert len(AutoTokenizer.from_pretrained("model")("ab").input_ids) == 2
assert "pipeline" not in sys.modules
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("encoding", sorted(POSITION_ENCODINGS))
@pytest.mark.parametrize("tied", [True, False])
def test_saved_and_opened_models_give_the_same_bits(encoding, tied, tmp_path):
    model, tokens = tiny_decoder(position_encoding=encoding, tie_word_embeddings=tied), tiny_tokens(2, 9)
    save_model(model, tiny_tokenizer(), tmp_path)
    assert torch.equal(load_model(tmp_path)(tokens).logits, model(tokens).logits)


def test_a_stranger_opens_model_and_classifier_with_their_code(tmp_path):
    """A process without the project on its path, and with nobody to answer its questions."""
    model, tokens = tiny_decoder(), tiny_tokens(2, 9)
    save_model(model, tiny_tokenizer(), tmp_path / "model")
    classifier = load_classifier(tmp_path / "model", "model", seed=1)
    save_model(classifier, tiny_tokenizer(), tmp_path / "classifier")
    torch.save(tokens, tmp_path / "tokens.pt")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", STRANGER]
    subprocess.run(command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, check=True)
    found = torch.load(tmp_path / "logits.pt")
    assert torch.equal(found[0], classifier(tokens).logits)
    assert torch.equal(found[1], model(tokens).logits)


def test_every_class_is_named_whichever_is_saved(tmp_path):
    save_model(tiny_decoder(), tiny_tokenizer(), tmp_path / "model")
    save_model(load_classifier(tmp_path / "model", "fresh"), tiny_tokenizer(), tmp_path / "classifier")
    for folder in (tmp_path / "model", tmp_path / "classifier"):
        names = set(json.loads((folder / "config.json").read_text())["auto_map"])
        assert names == {"AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"}
        assert {"configuration.py", "modeling.py", "positions.py"} <= set(contents(folder))


def test_equal_weights_make_equal_files(tmp_path):
    save_model(tiny_decoder(), tiny_tokenizer(), tmp_path / "first")
    save_model(load_model(tmp_path / "first"), load_tokenizer(tmp_path / "first"), tmp_path / "second")
    assert contents(tmp_path / "first") == contents(tmp_path / "second")
    assert not [name for name in contents(tmp_path / "first") if name.endswith((".bin", ".pt", ".pkl"))]


def test_what_is_saved_generates_with_the_cache_and_knows_its_tokens(tmp_path):
    model = tiny_decoder()
    model.config.use_cache = False  # as trainers leave it
    save_model(model, tiny_tokenizer(), tmp_path)
    saved = load_model(tmp_path)
    assert saved.config.use_cache and saved.generation_config.use_cache and saved.generation_config.do_sample
    assert saved.generation_config.max_new_tokens == 32
    ids = (
        saved.generation_config.pad_token_id,
        saved.generation_config.bos_token_id,
        saved.generation_config.eos_token_id,
    )
    assert ids == (PAD, BEGIN, END)


def test_fresh_weights_depend_on_the_seed_alone():
    torch.manual_seed(0)
    first = new_model(tiny_config(), seed=1)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
    again, other = new_model(tiny_config(), seed=1), new_model(tiny_config(), seed=2)
    assert torch.equal(first.lm_head.weight, again.lm_head.weight)
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)


def test_a_classifier_starts_from_the_trunk_or_afresh(tmp_path):
    model, tokens = tiny_decoder(), tiny_tokens(1, 9)
    save_model(model, tiny_tokenizer(), tmp_path)
    from_model, fresh = (load_classifier(tmp_path, start, seed=1) for start in ("model", "fresh"))
    assert_close(from_model.model(tokens)[0], model.model(tokens)[0])
    assert not torch.allclose(fresh.model(tokens)[0], model.model(tokens)[0])
    assert from_model.score.weight.shape == (1, 32) and from_model.config.pad_token_id == PAD
    assert torch.equal(load_classifier(tmp_path, "fresh", seed=1)(tokens).logits, fresh(tokens).logits)


@pytest.mark.parametrize("load", [load_model, load_classifier, load_tokenizer])
def test_a_missing_folder_is_named_and_not_looked_for_on_the_hub(load, tmp_path):
    with pytest.raises(PipelineError, match="no such folder"):
        load(tmp_path / "sft")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(PipelineError, match=r"holds no config\.json"):
        load_model(tmp_path)


def test_a_model_that_needs_foreign_code_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "foreign", "auto_map": {"AutoConfig": "code.Config"}}')
    with pytest.raises(PipelineError, match="model_type: 'foreign'"):
        load_model(tmp_path)


def test_a_language_model_is_no_reward_model(tmp_path):
    save_model(tiny_decoder(), tiny_tokenizer(), tmp_path)
    with pytest.raises(PipelineError, match="no sequence classifier"):
        load_classifier(tmp_path)


def test_padding_with_the_end_token_is_refused():
    tokenizer = tiny_tokenizer()
    assert require_pad_token(tokenizer) == PAD
    tokenizer.pad_token = tokenizer.eos_token
    with pytest.raises(PipelineError, match="pad_token"):
        require_pad_token(tokenizer)
