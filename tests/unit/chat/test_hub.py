"""`gristmill chat hf://…`, on the double of the Hub: by name, and with code that comes with the repository."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from tests.hub_double.client import environment, python
from tests.hub_double.server import running_hub
from tests.hub_double.store import Account, File
from tests.unit.stages.tiny import save_tiny_model

ALICE = Account("alice")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("chat") / "model").path


def put(hub, name: str, folder: Path) -> str:
    """A repository with the folder's files; its commit."""
    hub.store.create("model", name, False, ALICE)
    files = {path.name: File(path.read_bytes(), large=path.suffix == ".safetensors") for path in folder.iterdir()}
    return hub.store.repositories["model", name].commit("main", files, "first", None)


def completion(address: str, variables: dict[str, str], *options: str) -> str:
    arguments = ["-m", "pipeline", "chat", address, "--prompt", "the mill", "--max-new-tokens", "8", "--json", *options]
    answer = python(arguments, variables, Path(variables["HF_HOME"]).parent)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["completion"]


def test_a_model_of_the_hub_says_what_its_folder_says_with_our_code_or_its_own(tmp_path, folder):
    foreign = tmp_path / "foreign"
    shutil.copytree(folder, foreign)
    kind = json.loads((foreign / "config.json").read_text())["model_type"]
    for name in ("config.json", "configuration.py"):
        (foreign / name).write_text((foreign / name).read_text().replace(kind, "somebodys_model"))
    with running_hub({"hf_alice": ALICE}) as hub:
        put(hub, "alice/tiny", folder)
        commit = put(hub, "alice/foreign", foreign)
        variables = environment(hub, tmp_path / "home")
        by_name = completion("hf://alice/tiny", variables)
        with_code = completion(f"hf://alice/foreign@{commit}", variables, "--trust-remote-code")
    arguments = ["chat", str(folder), "--prompt", "the mill", "--max-new-tokens", "8", "--json"]
    assert by_name == with_code == json.loads(CliRunner().invoke(app, arguments).stdout)["completion"]
