"""The dial: what it derives is what the papers say, whatever is given goes before it, and it always acts."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline import Recipe, RecipeError
from pipeline.core.fingerprint import fingerprint_of, identity_of
from pipeline.core.stage import Inputs
from pipeline.models.sizes import sizes_of
from pipeline.shipped import shipped_recipes
from pipeline.stages.pretrain.config import STAGE, Config, DecoderSettings
from pipeline.stages.pretrain.dial import batch_tokens, learning_rate
from pipeline.stages.pretrain.estimate import with_horizon
from pipeline.stages.pretrain.stage import run
from tests.unit.stages.pretrain.test_stage import inputs  # noqa: F401 -- a fixture
from tests.unit.stages.tiny import make_context

RECIPE = """\
recipe: 1
name: dial
stages:
  corpus: {sources: [{data: "builtin:valley", documents: 400}]}
  tokenizer: {text: [corpus], vocab_size: 384}
  pretrain:
    decoder: {depth: 4}
"""


def dialled(depth: int = 8, decoder: dict | None = None, **train) -> Config:
    settings = {"decoder": {"depth": depth, **(decoder or {})}, "train": train}
    return Config.model_validate_json(json.dumps(settings), strict=True)


def fingerprint(config: Config) -> str:
    made = Inputs(corpus=Artifact("corpus"), tokenizer=Artifact("tokenizer"))
    return fingerprint_of(identity_of(STAGE, config, made, 0))


class Artifact:
    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint


@pytest.mark.parametrize(("parameters", "rows", "rate"), [(65e9, 4608, 3.2e-4), (6.5e9, 2304, 4.2e-4)])
def test_the_laws_give_what_their_authors_trained_with(parameters, rows, rate):
    """DeepSeek LLM, table 2: 67B and 7B (embeddings not counted here), 2T tokens in rows of 4096."""
    flops = 6 * parameters * 2e12
    assert learning_rate(flops) == pytest.approx(rate, rel=0.03)
    assert batch_tokens(flops) / 4096 == pytest.approx(rows, rel=0.06)


def test_a_depth_makes_a_decoder_and_its_training():
    config = dialled(8)
    assert (config.decoder.num_hidden_layers, config.decoder.hidden_size) == (8, 512)
    assert config.decoder.num_attention_heads == 8
    layers = sizes_of(config.decoder.model_dump(), vocab_size=0)
    weights = 8 * layers.layer_matrices
    assert layers.parameters == pytest.approx(weights, rel=0.01)
    flops = (6 * weights + 12 * 8 * 512 * 256) * 20 * layers.parameters  # the paper's equation 2, with attention
    assert config.train.learning_rate == pytest.approx(0.3118 * flops**-0.125, rel=0.005)
    best = 0.2920 * flops**0.3271 / 256
    assert best / 2**0.5 < config.train.global_batch_size < best * 2**0.5
    assert (config.train.tokens_per_parameter, config.train.epochs) == (20, None)


def test_a_deeper_decoder_is_trained_longer_in_larger_batches_at_a_lower_rate():
    trains = [dialled(depth).train for depth in (1, 2, 4, 8, 16, 32)]
    assert all(a.learning_rate > b.learning_rate for a, b in pairwise(trains))
    assert all(a.global_batch_size < b.global_batch_size for a, b in pairwise(trains))


@pytest.mark.parametrize(
    ("decoder", "train"),
    [
        ({"hidden_size": 96}, {}), ({"num_hidden_layers": 3}, {}), ({"num_attention_heads": 4}, {}), ({"head_dim": 32}, {}),
        ({}, {"learning_rate": 1e-3}), ({}, {"global_batch_size": 24}), ({}, {"tokens": "2M"}), ({}, {"steps": 7}),
        ({}, {"epochs": 2}), ({}, {"tokens_per_parameter": 40}),
    ],
)  # fmt: skip
def test_a_field_that_is_given_stays(decoder, train):
    config = dialled(8, decoder, **train)
    for group, given in ((config.decoder, decoder), (config.train, train)):
        for name, value in given.items():
            assert getattr(group, name) == (2_000_000 if value == "2M" else value)
    assert sum(getattr(config.train, name) is not None for name in config.train.lengths) == 1


def test_a_shorter_training_has_smaller_batches_and_a_higher_rate():
    whole, short = dialled(8).train, dialled(8, tokens="2M").train
    assert short.global_batch_size < whole.global_batch_size
    assert short.learning_rate > whole.learning_rate


def test_it_is_the_same_artifact_as_one_whose_settings_are_spelled_out():
    config = dialled(4)
    spelled = {group: getattr(config, group).model_dump(exclude_unset=True) for group in ("decoder", "train")}
    del spelled["decoder"]["depth"]
    assert fingerprint(Config.model_validate(spelled)) == fingerprint(config)
    assert len({fingerprint(dialled(depth)) for depth in (2, 3, 4)}) == 3


def test_the_dial_works_from_python_too():
    assert Config(decoder=DecoderSettings(depth=4)) == dialled(4)


def test_a_dial_that_decides_nothing_is_an_error():
    with pytest.raises(RecipeError, match=r"--set pretrain.decoder.depth=3: .*decoder.depth: decides nothing here"):
        Recipe.load(shipped_recipes()["tiny"], set=["pretrain.decoder.depth=3"])
    with pytest.raises(ValidationError, match="1000"):
        dialled(1001)


def test_a_plan_shows_what_it_came_to_and_the_horizon(tmp_path: Path):
    (tmp_path / "dial.yaml").write_text(RECIPE)
    recipe = Recipe.load(tmp_path / "dial.yaml", set=["pretrain.decoder.depth=3"])
    plan = recipe.plan(runs=tmp_path)
    settings = plan["pretrain"].identity["settings"]
    assert (settings["decoder"]["num_hidden_layers"], settings["decoder"]["hidden_size"]) == (3, 192)
    estimate = recipe.estimates(plan, runs=tmp_path)["pretrain"].record()
    assert (
        estimate["tokens"]
        == 20 * estimate["parameters"]
        == 20 * sizes_of(settings["decoder"], vocab_size=384).parameters
    )
    dialled, horizon = estimate["remarks"]
    assert dialled.startswith("depth 3: 3 layers of width 192, 3 heads; learning rate 0.0")
    assert horizon == "compute-optimal are 28.1M tokens, 20 a parameter; here 20"


def test_a_length_for_each_parameter_is_kept_to(tmp_path, inputs):  # noqa: F811
    config = Config.model_validate({
        "decoder": {"num_hidden_layers": 1, "hidden_size": 32, "max_position_embeddings": 32},
        "train": {"tokens_per_parameter": 0.5, "global_batch_size": 4, "packing": "windows"},
    })  # fmt: skip
    metrics = run(config, inputs, make_context(tmp_path / "model")).metrics
    assert metrics["trained_tokens"] == pytest.approx(0.5 * metrics["parameters"], abs=4 * 32)
    assert with_horizon(config, 320).train.epochs is None
