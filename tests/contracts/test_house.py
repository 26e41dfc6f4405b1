"""The rules of the house: sizes, layers, what may import what, and that a changed default raises a stage's version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.core.fingerprint import fingerprint_of, identity_of
from pipeline.core.reference_checks import references_of
from pipeline.core.references import Reference
from pipeline.core.stage import Inputs
from pipeline.stages import KINDS, stage_table

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "pipeline").rglob("*.py"))
HEAVY = ("torch", "transformers", "datasets", "accelerate", "trl", "peft", "pandas", "pyarrow")
REQUIRED = {"corpus": {"sources": [{"data": "builtin:valley"}]}, "tokenizer": {"text": ["corpus"]}}
"""What a config of a kind cannot do without."""
FORBIDDEN_NAMES = ("utils", "helpers", "common", "manager", "misc")


def test_no_module_is_long():
    long = {str(path.relative_to(ROOT)): n for path in SOURCES if (n := len(path.read_text().splitlines())) >= 400}
    assert not long


def test_no_module_has_a_name_that_says_nothing():
    assert not [path for path in SOURCES if path.stem in FORBIDDEN_NAMES]


def test_every_module_opens_by_saying_what_it_does():
    assert not [path for path in SOURCES if not path.read_text().lstrip().startswith('"""')]


def _modules_after(code: str) -> set[str]:
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import pipeline",
        "from pipeline.stages import stage_table; stage_table()",
        "from pipeline.stages import sft, ppo, corpus",
        "from pipeline import Recipe; Recipe.load('recipes/tiny.yaml').plan()",
        "from pipeline import Recipe; Recipe.load('recipes/pydocs.yaml')",
    ],
)
def test_recipes_are_checked_without_torch(code: str):
    assert not _modules_after(code) & set(HEAVY)


def test_a_room_has_the_shape_of_a_room():
    for kind in KINDS:
        room = ROOT / "pipeline/stages" / kind
        assert {"__init__.py", "config.py", "stage.py", "checks.py"} <= {path.name for path in room.iterdir()}, kind


def test_every_field_says_what_it_is():
    def undocumented(model: Any, path: str) -> list[str]:
        missing: list[str] = []
        for name, field in model.model_fields.items():
            if not field.description:
                missing.append(f"{path}.{name}")
        return missing

    assert not [entry for kind, stage in stage_table().items() for entry in undocumented(stage.config, kind)]


def test_configs_have_at_most_seventeen_fields():
    assert not {kind: n for kind, stage in stage_table().items() if (n := len(stage.config.model_fields)) > 17}


@pytest.mark.parametrize("kind", stage_table())
def test_every_input_is_part_of_an_artifacts_identity(kind: str):
    stage = stage_table()[kind]
    config = stage.config(**REQUIRED.get(kind, {}))
    addresses = {reference.path for _, reference, _ in references_of(config)}
    inputs = Inputs(**{name: _content(value) for name, value in config})
    named = json.dumps(identity_of(stage, config, inputs, 0))
    assert not [address for address in addresses if f"content of {address}" not in named]


def _content(value: Any) -> Any:
    """What a setting's references resolve to, in its own form."""
    if isinstance(value, Reference):
        return SimpleNamespace(fingerprint=f"content of {value.path}")
    if isinstance(value, BaseModel):
        return SimpleNamespace(**{name: _content(part) for name, part in value})
    return tuple(map(_content, value)) if isinstance(value, list | tuple) else None


def _defaults(stage: Any) -> str:
    schema = stage.config.model_json_schema()
    return fingerprint_of({"schema": _without_prose(schema)})


def _without_prose(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_prose(value) for key, value in node.items() if key not in ("description", "title")}
    return [_without_prose(item) for item in node] if isinstance(node, list) else node


def test_a_changed_default_raises_the_stage_version():
    """When this fails: raise the stage's `version` if what it makes from old recipes changed, then write the snapshot
    again with `python -m tests.contracts.test_house`.
    """
    snapshot = json.loads((ROOT / "tests/contracts/defaults.json").read_text())
    now = {kind: {"version": stage.version, "defaults": _defaults(stage)} for kind, stage in stage_table().items()}
    assert now == snapshot


if __name__ == "__main__":
    now = {kind: {"version": stage.version, "defaults": _defaults(stage)} for kind, stage in stage_table().items()}
    (ROOT / "tests/contracts/defaults.json").write_text(json.dumps(now, indent=2) + "\n")
