from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from pydantic import ValidationError
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from pipeline.artifacts import Corpus, Tokenizer
from pipeline.core.artifact import Artifact, write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Inputs
from pipeline.models.decoder import DecoderConfig
from pipeline.stages.pretrain.checks import check, gap_to_floor
from pipeline.stages.pretrain.config import Config
from pipeline.stages.pretrain.excerpts import SAMPLES
from pipeline.stages.pretrain.stage import run
from pipeline.stages.tokenizer.characters import learn_characters
from pipeline.training.compilation import has_compiler
from pipeline.training.metrics import METRICS, read_rows
from tests.unit.stages.tiny import make_context, save_tiny_model
from tests.unit.training.killing import assert_resumes_exactly

WORDS = ("mill", "river", "rye", "stone", "wheel", "flour")
DECODER = {"num_hidden_layers": 1, "hidden_size": 32, "max_position_embeddings": 32}


def documents(first, count):
    """Three words each, any order: log 6 nats a word and none for the rest."""
    chosen = [[WORDS[(number * step + step) % 6] for step in (1, 5, 11)] for number in range(first, first + count)]
    return [
        {"text": " ".join(words), "surprisal": 3 * math.log(6), "id": str(index)} for index, words in enumerate(chosen)
    ]


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, rows in (("train", documents(0, 120)), ("validation", documents(500, 12))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}-00000.jsonl").write_text(lines)
    tokenizer = save_tiny_model(tmp_path / "tokenizer").path
    return Inputs(corpus=Corpus(folder, address="corpus"), tokenizer=Tokenizer(tokenizer))


def settings(**train):
    return Config.model_validate({
        "decoder": DECODER,
        "train": {"steps": 12, "global_batch_size": 4, "log_every": 2, "checkpoint_every": 4, **train},
    })  # fmt: skip


def test_a_killed_stage_ends_with_the_bits_of_one_that_was_not(tmp_path, inputs):
    assert_resumes_exactly(lambda context: run(settings(), inputs, context), tmp_path, kill_at=7, kept=4)


def test_evaluations_leave_the_weights_alone_and_end_with_the_stages_own_figure(tmp_path, inputs):
    def trained(evaluations):
        context = make_context(tmp_path / str(evaluations))
        config = settings().model_copy(update={"evaluations": evaluations})
        found = run(config, inputs, context).metrics["bits_per_byte"]
        return found, (context.output / "model.safetensors").read_bytes(), read_rows(context.output / METRICS)

    bits, weights, rows = trained(3)
    assert [row["step"] for row in rows if "validation_loss" in row] == [4, 8, 12]
    assert rows[-1]["validation_bits_per_byte"] == bits
    assert (tmp_path / "3" / SAMPLES).exists() and not (tmp_path / "0" / SAMPLES).exists()
    unwatched = trained(0)
    assert unwatched[:2] == (bits, weights)
    assert not any("validation_loss" in row for row in unwatched[2])


def test_accumulated_micro_batches_resume_exactly_too(tmp_path, inputs):
    def accumulated(context):
        runtime = context.runtime.model_copy(update={"micro_batch": 2})
        return run(settings(), inputs, replace(context, runtime=runtime))

    assert_resumes_exactly(accumulated, tmp_path, kill_at=9, kept=8)


@pytest.mark.slow  # compiles kernels
@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler on this machine")
def test_a_compiled_training_computes_the_same_and_resumes_exactly(tmp_path, inputs):
    def compiled(context):
        return run(settings(), inputs, replace(context, runtime=context.runtime.model_copy(update={"compile": True})))

    assert_resumes_exactly(compiled, tmp_path, kill_at=7, kept=4)
    eager = make_context(tmp_path / "eager")
    run(settings(), inputs, eager)
    found, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "eager"))
    assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert json.loads((tmp_path / "whole" / ".work" / "resume.json").read_text())["compiled"] is True


def test_windows_of_the_stream_resume_exactly_over_epochs(tmp_path, inputs):
    config = settings(packing="windows", global_batch_size=16)
    assert_resumes_exactly(lambda context: run(config, inputs, context), tmp_path, kill_at=7, kept=4)


def test_the_model_opens_and_its_figures_are_checked(tmp_path, inputs):
    context = make_context(tmp_path / "model")
    config = settings(learning_rate=1e-2, steps=40)
    outcome = run(config, inputs, context)
    model = AutoModelForCausalLM.from_pretrained(context.output)
    assert model.config.use_cache and model.config.vocab_size % 64 == 0
    assert model.config.eos_token_id == 2
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    checks = {found.name: found for found in check(config, inputs, Artifact(context.output), context)}
    assert checks["loss fell"].verdict == "pass"
    assert len(checks) == 4


def test_text_that_the_tokenizer_cannot_write_is_counted_and_told(tmp_path, inputs):
    """In training documents and held-out ones."""
    learn_characters(["millrverystonewheelflou ", "k"]).save_pretrained(tmp_path / "characters")
    known = Inputs(corpus=inputs.corpus, tokenizer=Tokenizer(tmp_path / "characters"))
    for split, text in (("train", "rye ÿ mill øø"), ("validation", "stone é")):
        with open(inputs.corpus.path / f"{split}-00000.jsonl", "a") as file:
            file.write(json.dumps({"text": text, "id": split}) + "\n")
    context = make_context(tmp_path / "model")
    outcome = run(settings(steps=2), known, context)
    assert outcome.metrics["unknown_tokens"] == 4
    write_json(context.output / "manifest.json", {"metrics": dict(outcome.metrics)})
    verdicts = {found.name: found.verdict for found in check(settings(), known, Artifact(context.output), context)}
    assert verdicts["tokens for unknown text"] == "warn"


def verdict_at(excess: float, error: float = 0.0, **others: float) -> str:
    figures = {"excess_nats_per_char": excess, "excess_standard_error": error, "floor_documents": 9}
    return gap_to_floor(figures, **others).verdict


def test_a_loss_below_the_floor_is_a_failure():
    assert [verdict_at(gap) for gap in (-0.01, -0.001, 0.01, 0.1)] == ["fail", "pass", "pass", "warn"]


def test_what_the_sample_or_the_choice_of_documents_explains_is_none():
    assert (verdict_at(-0.01, error=0.003), verdict_at(-0.01, selection=0.009)) == ("pass", "pass")
    assert verdict_at(-0.03, error=0.003, selection=0.009) == "fail"


@pytest.mark.parametrize(
    "change",
    [
        {"num_attention_heads": 3},
        {"head_dim": 33},
        {"partial_rotary_factor": 0.3},
        {"num_attention_heads": 2, "num_key_value_heads": 3},
    ],
)
def test_a_shape_that_does_not_fit_is_refused_by_the_settings_as_by_the_decoder(change):
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"decoder": {**DECODER, **change}})
    assert "heads" in str(caught.value) or "head's width" in str(caught.value)
    rotary = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.3}}
    with pytest.raises(ValueError, match="head"):
        DecoderConfig(**{**DECODER, **(rotary if "partial_rotary_factor" in change else change)})


def test_a_corpus_smaller_than_one_batch_says_so_before_anything_is_trained(tmp_path, inputs):
    with pytest.raises(StageError, match=r"\d+ rows are fewer than one global batch of 4096; lower train.global_batch"):
        run(settings(global_batch_size=4096), inputs, make_context(tmp_path / "out"))


def test_no_held_out_documents_says_where_to_get_some(tmp_path, inputs):
    (inputs.corpus.path / "validation-00000.jsonl").write_text("")
    with pytest.raises(StageError, match="set `validation` in the corpus stage"):
        run(settings(), inputs, make_context(tmp_path / "out"))
