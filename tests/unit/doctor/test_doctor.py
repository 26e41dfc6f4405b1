"""What the doctor sees: each look on a place made to be well or ill."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.doctor import launch, machine, software
from pipeline.shipped import shipped_launches


def verdicts(findings: object) -> list[str]:
    return [finding.verdict for finding in findings]  # type: ignore[attr-defined]


def test_libraries_below_their_floor_or_missing_fail(monkeypatch: pytest.MonkeyPatch):
    asked = ["pydantic>=2", "typer>=99", "no-such-library>=1", 'wandb>=99; extra == "wandb"']
    monkeypatch.setattr(software, "requires", lambda name: asked)
    old, missing = software.libraries()
    assert old.verdict == missing.verdict == "fail"
    assert "typer is" in old.found and "wants >=99" in old.found and old.advice == "pip install 'typer>=99'"
    assert missing.found == "no-such-library is missing"


def test_libraries_at_their_floors_are_one_line():
    assert verdicts(software.libraries()) == ["ok"]


@pytest.mark.parametrize("name", ["pipeline.py", "torch.py", "datasets/__init__.py"])
def test_a_file_that_would_hide_a_package_is_named(name: str, tmp_path: Path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    (finding,) = software.shadows(tmp_path)
    assert finding.verdict == "warn" and f"./{name.removesuffix('/__init__.py')} would be imported" in finding.found


def test_a_file_that_is_imported_in_a_library_s_place_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "torch.py").touch()
    hidden = SimpleNamespace(origin=str(tmp_path / "torch.py"))
    monkeypatch.setattr(software.importlib.util, "find_spec", lambda name: hidden)
    (finding,) = software.shadows(tmp_path)
    assert finding.verdict == "fail"


def test_a_folder_without_a_module_or_our_own_checkout_hides_nothing(tmp_path: Path):
    (tmp_path / "datasets").mkdir()  # data of the user's, no package
    assert verdicts(software.shadows(tmp_path)) == ["ok"]
    assert verdicts(software.shadows(Path(software.__file__).parents[2])) == ["ok"]


@pytest.mark.parametrize("kind", ["NO", "MULTI_CPU"])
def test_a_config_that_starts_one_process_in_silence_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Both were run: WORLD_SIZE is not even set."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate/default_config.yaml").write_text(f"distributed_type: {kind!r}\nnum_processes: 2\nuse_cpu: true\n")  # fmt: skip
    (finding,) = launch.accelerate_config()
    assert finding.verdict == "warn" and "starts one process" in finding.found and "accelerate/cpu2" in finding.advice


def test_no_config_and_a_broken_one_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert verdicts(launch.accelerate_config()) == ["ok"]
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate/default_config.json").write_text("{")
    assert verdicts(launch.accelerate_config()) == ["warn"]


@pytest.mark.parametrize("name", sorted(shipped_launches()))
def test_our_own_launch_configs_start_what_they_ask_for(name: str):
    assert launch.launch_fault(launch.YAML(typ="safe").load(shipped_launches()[name])) == ""


def test_more_threads_than_cores_is_a_warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda pid: {0, 1})
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    assert verdicts(machine.threads()) == ["warn"]
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert verdicts(machine.threads()) == ["ok"]


def test_little_memory_and_disk_are_warnings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "_free_memory", lambda: 10**8)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**8))
    assert verdicts([*machine.memory(), *machine.disk()]) == ["warn", "warn"]


def test_a_token_is_said_to_be_there_and_never_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
    (finding,) = machine.hub()
    assert "a token is there" in finding.found
    assert "secret" not in repr(finding)


def test_a_fail_is_exit_code_3_and_every_line_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    good = CliRunner().invoke(app, ["doctor"])
    assert good.exit_code == 0 and max(map(len, good.stdout.splitlines())) <= 80
    monkeypatch.setattr(software, "requires", lambda name: ["typer>=99"])
    ill = CliRunner().invoke(app, ["doctor", "--json"])
    assert ill.exit_code == 3
    assert [finding["name"] for finding in json.loads(ill.stdout) if finding["verdict"] == "fail"] == ["libraries"]
