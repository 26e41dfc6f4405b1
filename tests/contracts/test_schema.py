"""The JSON Schema of recipes: a real validator takes what `gristmill validate` takes, and refuses what an editor can."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from pipeline import Recipe, RecipeError
from pipeline.core.recipe import load_recipe
from pipeline.core.references import Reference
from pipeline.core.schema import recipe_schema
from pipeline.core.stage import Settings
from pipeline.core.yaml import parse
from pipeline.data.builtin import CATALOGUE
from pipeline.stages import stage_table

ROOT = Path(__file__).parents[2]
RECIPES = sorted([*(ROOT / "recipes").glob("*.yaml"), *(ROOT / "tests/recipes").glob("*.yaml")])
SCHEMA = recipe_schema(stage_table(), CATALOGUE)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SMALL = parse((ROOT / "tests/recipes/small.yaml").read_text(), "small.yaml").tree
TINY = parse((ROOT / "recipes/tiny.yaml").read_text(), "tiny.yaml").tree


def test_the_schema_is_one_of_its_dialect():
    VALIDATOR.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_our_recipes_are_valid(recipe: Path):
    VALIDATOR.validate(parse(recipe.read_text(), recipe.name).tree)


def _with(path: str, value: Any) -> dict[str, Any]:
    tree = copy.deepcopy(SMALL)
    node: Any = tree
    *parents, last = path.split(".")
    for key in parents:
        node = node.setdefault(key, {})
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return tree


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recipe", 2),
        ("recipe", ...),
        ("name", "../x"),
        ("name", ...),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", "seventeen"),
        ("sead", 1),
        ("stages", {}),
        ("stages", ...),
        ("stages.Corpus", {"kind": "corpus", "sources": [{"data": "builtin:valley"}]}),
        ("runtime.precision", "fp16"),
        ("runtime.micro_batch", "all"),
        ("stages.tokenizer", None),
        ("stages.tokenizer.vocab_size", "8 thousand"),
        ("stages.tokenizer.vocab_size", 0),
        ("stages.tokenizer.vocab_size", 1.5),
        ("stages.tokenizer.text", []),
        ("stages.tokenizer.text", ["builtin:valey"]),
        ("stages.corpus.sources", [{"data": "builtin:valley-judge"}]),
        ("stages.corpus.sources", [{"data": "corpus"}]),
        ("stages.corpus.deduplicate.near", {"threshold": 0.4}),
        ("stages.corpus.deduplicate.nearly", {}),
        ("stages.pretrain.corpus", "builtin:valley"),
        ("stages.pretrain.train.steps", True),
        ("stages.pretrain.train.schedule", "sine"),
        ("stages.pretrain.train.learning_rate", "3e-3"),
        ("stages.pretrain.decoder.hidden_sizes", 64),
        ("stages.pretrain.decoder.max_position_embeddings", 4),
        ("stages.pretrain.kind", "sft"),
        ("stages.pretrain.checks", "ignore"),
        ("stages.sft.data", {"path": "builtin:valley-requests", "splitt": "train"}),
        ("stages.sft.data", {"split": "train"}),
        ("stages.sft.loss_onn", "all"),
        ("stages.preferences.judge", "builtin:pydocs"),
        ("stages.second", {"model": "pretrain"}),
        ("stages.second", {"kind": "sftt", "model": "pretrain"}),
        ("stages.second", {"kind": "sft", "modell": "pretrain"}),
    ],
)
def test_what_is_broken_is_invalid(path: str, value: Any, tmp_path: Path):
    tree = _with(path, value)
    assert not VALIDATOR.is_valid(tree)
    assert not _is_accepted(tree, tmp_path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("stages.second", {"kind": "sft", "model": "pretrain", "data": "builtin:valley-requests", "seed": 3}),
        ("stages.sft.data", {"path": "builtin:valley-requests", "split": "train", "columns": {"prompt": "question"}}),
        ("stages.sft.model", "hf://org/name@main"),
        ("stages.pretrain.train.tokens", "1.5M"),
        ("stages.ppo.reward", [{"reward": "builtin:valley-judge", "weight": 0.5}, {"reward": "mine:score"}]),
        ("stages.preferences", None),
        ("runtime", None),
        ("runtime.threads", 2),
    ],
)
def test_other_ways_to_write_are_valid(path: str, value: Any):
    VALIDATOR.validate(_with(path, value))


def _is_accepted(tree: dict[str, Any], folder: Path) -> bool:
    recipe = folder / "mutant.yaml"
    recipe.write_text(json.dumps(tree))
    try:
        load_recipe(recipe, table=stage_table(), catalogue=CATALOGUE)
    except RecipeError:
        return False
    return True


VALUES = (
    None, True, 0, 1, -1, 7, 300, 0.5, 1.5, -0.5, 1e-4, "", "auto", "word", "700k", "1.5M", "0.3", "corpus", "pretrain",
    "reward", "./recipe.yaml", "hf://org/name", "hf://datasets/org/name@main", "builtin:valley", "builtin:valley-judge",
    "builtin:valley-tasks", "builtin:perplexity", "module:function", "stop", "warn", "fp32", "linear", "cosine", "rope",
    "all", [], ["corpus"], ["pretrain", "sft"], ["builtin:valley-judge"], [{"reward": "reward"}], {}, {"x": 1},
    {"path": "pretrain"}, {"path": "builtin:valley", "split": "train"}, {"threshold": 0.8},
)  # fmt: skip


def _fields(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every field of a stage's settings, and of the groups in it."""
    for name, field in model.model_fields.items():
        yield (*path, name)
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Settings) and not issubclass(annotation, Reference):
            yield from _fields(annotation, (*path, name))


def _mutants() -> Iterator[dict[str, Any]]:
    paths = [("seed",), ("name",), ("recipe",), ("runtime",), ("runtime", "precision"), ("runtime", "threads")]
    for kind, stage in stage_table().items():
        paths += [("stages", kind), *(("stages", kind, own) for own in ("kind", "seed", "checks", "no_such_key"))]
        paths += _fields(stage.config, ("stages", kind))
    for path in paths:
        for value in (..., *VALUES):
            tree = copy.deepcopy(TINY)
            node: Any = tree
            for key in path[:-1]:
                node[key] = node.get(key) or {}
                node = node[key]
            if value is not ...:
                node[path[-1]] = value
            else:
                node.pop(path[-1], None)
            yield tree


def test_the_schema_takes_whatever_validate_takes(tmp_path: Path):
    """And of what `validate` refuses, the schema refuses most: the rest is between fields, or about other stages."""
    (tmp_path / "recipe.yaml").touch()
    mutants = random.Random(17).sample(list(_mutants()), 200)
    accepted = [tree for tree in mutants if _is_accepted(tree, tmp_path)]
    refused = [tree for tree in mutants if tree not in accepted]
    assert len(accepted) > 10 and len(refused) > 150
    too_strict = [tree for tree in accepted if not VALIDATOR.is_valid(tree)]
    assert not too_strict, [next(VALIDATOR.iter_errors(tree)).json_path for tree in too_strict]
    seen = sum(not VALIDATOR.is_valid(tree) for tree in refused)
    assert seen / len(refused) > 0.9


def test_every_setting_is_described():
    """An editor shows the text under the pointer: every property of every definition has one."""

    def bare(node: Any, path: str) -> Iterator[str]:
        if isinstance(node, dict):
            for name, child in node.get("properties", {}).items():
                names_a_definition = set(child) <= {"$ref"} or "const" in child
                if not names_a_definition and not child.get("description"):
                    yield f"{path}.{name}"
            for key, child in node.items():
                yield from bare(child, f"{path}.{key}")
        elif isinstance(node, list):
            for child in node:
                yield from bare(child, path)

    assert not list(bare(SCHEMA, ""))


def test_defaults_are_what_an_empty_stage_has():
    """The default that an editor shows is the one that counts: a recipe that states it is the same recipe."""
    for kind, stage in stage_table().items():
        config, definition = stage.config, SCHEMA["$defs"][f"stage-{kind}"]
        stated = {key: value["default"] for key, value in definition["properties"].items() if "default" in value}
        required = [*definition.get("required", ()), *definition.get("anyOf", [{}])[0].get("required", ())]
        needed = {key: TINY["stages"][kind][key] for key in required}
        stated.pop("checks")
        assert config.model_validate_json(json.dumps({**stated, **needed}), strict=True) == config.model_validate(
            needed
        )


def test_a_misspelt_key_in_json_names_its_place(tmp_path: Path):
    """The two ways in agree about one fault: the path that the schema gives is the one that `validate` prints."""
    recipe = tmp_path / "mutant.yaml"
    recipe.write_text(json.dumps(_with("stages.ppo.kl_coeficient", 0.1)))
    with pytest.raises(RecipeError) as failure:
        Recipe.load(recipe)
    (error,) = VALIDATOR.iter_errors(json.loads(recipe.read_text()))
    assert error.json_path == "$.stages.ppo" and "kl_coeficient" in error.message
    assert failure.value.problems[0].path == "stages.ppo.kl_coeficient"
