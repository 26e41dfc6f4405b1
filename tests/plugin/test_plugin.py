"""A stage in a package of its own: found when installed, completed by the schema, checked, run, told apart from ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def python(target: Path, *arguments: str, cwd: Path = HERE) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{target}{os.pathsep}{ROOT}", "HF_HUB_OFFLINE": "1", "COLUMNS": "80"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment)


def gristmill(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(target, "-m", "pipeline", *arguments)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(HERE)], check=True)
    return target


def test_the_schema_completes_it(installed: Path):
    schema = json.loads(gristmill(installed, "schema").stdout)
    settings = schema["$defs"][schema["properties"]["stages"]["properties"]["lowercase"]["$ref"].rpartition("/")[2]]
    assert settings["properties"]["letters"]["enum"] == ["all", "first"]
    assert settings["properties"]["letters"]["description"].startswith("Which letters")
    corpora = schema["$defs"]["address-Corpus-path-stage"]["anyOf"][0]["enum"]
    assert corpora == ["corpus", "lowercase"]
    recipe = {"recipe": 1, "name": "x", "stages": {"lowercase": {"letters": "some"}}}
    assert not jsonschema.Draft202012Validator(schema).is_valid(recipe)


def test_validate_checks_its_settings_and_references(installed: Path, tmp_path: Path):
    assert gristmill(installed, "validate", "lower.yaml").returncode == 0
    bad = tmp_path / "bad.yaml"
    bad.write_text((HERE / "lower.yaml").read_text().replace("letters: first", "leters: first").replace("corpus: corpus", "corpus: corpu"))  # fmt: skip
    answer = gristmill(installed, "validate", str(bad))
    assert answer.returncode == 2
    assert "stages.again.leters: unknown key; did you mean 'letters'?" in answer.stderr
    assert "stages.lowercase.corpus: there is no stage 'corpu'; did you mean 'corpus'?" in answer.stderr


def test_a_recipe_without_the_package_says_what_is_missing(tmp_path: Path):
    answer = gristmill(tmp_path, "validate", "lower.yaml")
    assert answer.returncode == 2
    assert "there is no kind of stage 'lowercase'" in answer.stderr


def test_it_runs_between_ours_and_load_dataset_reads_what_it_made(installed: Path, tmp_path: Path):
    answer = gristmill(installed, "run", "lower.yaml", "--runs", str(tmp_path))
    assert answer.returncode == 0, answer.stderr
    made = tmp_path / "lower/lowercase"
    code = f"from datasets import load_dataset; d = load_dataset({str(made)!r}); print(len(d['train']), d['train'][0]['text'].islower())"  # fmt: skip
    read = python(installed, "-c", code, cwd=tmp_path)
    lines = (made / "train-00000.jsonl").read_bytes().count(b"\n")
    assert read.stdout.split() == [str(lines), "True"], read.stderr
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["identity"]["package"] == "gristmill-lowercase"
    assert manifest["environment"]["versions"]["gristmill-lowercase"] == "0.3"
    again = gristmill(installed, "run", "lower.yaml", "--runs", str(tmp_path))
    assert "lowercase: unchanged, skipped" in again.stderr


def _package(folder: Path, name: str, kind: str, module: str, code: str) -> Path:
    """A package as an installer leaves it: a module, and its metadata beside it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(code)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[pipeline.stages]\n{kind} = {module}\n")
    return folder


GOOD = "from dataclasses import replace\nfrom pipeline.stages.corpus.config import STAGE as corpus\nSTAGE = replace(corpus, kind={kind!r})\n"


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("sft", GOOD.format(kind="sft"), "'sft' comes from gristmill itself and from other 1.0"),
        ("sow", "import no_such_module", "cannot be imported (ModuleNotFoundError: No module named 'no_such_module')"),
        ("sow", "stage = 1", "has no STAGE"),
        ("sow", GOOD.format(kind="reap"), "gives a stage of the kind 'reap'"),
    ],
)
def test_a_package_that_cannot_be_used_is_named(kind: str, code: str, said: str, tmp_path: Path):
    target = _package(tmp_path, "other", kind, "other_config", code)
    answer = gristmill(target, "validate", str(ROOT / "recipes/tiny.yaml"))
    assert answer.returncode == 3
    assert "other 1.0" in answer.stderr and said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_two_packages_with_one_kind_are_both_named(tmp_path: Path):
    for name in ("left", "right"):
        _package(tmp_path, name, "sow", f"{name}_config", GOOD.format(kind="sow"))
    answer = gristmill(tmp_path, "validate", str(ROOT / "recipes/tiny.yaml"))
    assert answer.returncode == 3
    assert "left 1.0" in answer.stderr and "right 1.0" in answer.stderr


def test_a_config_that_imports_a_heavy_library_is_named_by_validate(tmp_path: Path):
    (tmp_path / "torch.py").write_text("")  # stands for the real one, which takes seconds
    _package(tmp_path, "slow", "sow", "slow_config", "import torch\n" + GOOD.format(kind="sow"))
    answer = gristmill(tmp_path, "validate", str(ROOT / "recipes/tiny.yaml"))
    assert answer.returncode == 0
    assert answer.stderr.startswith("warn: slow 1.0") and "torch" in answer.stderr
