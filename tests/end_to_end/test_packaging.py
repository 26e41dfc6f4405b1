"""What a stranger gets: the built archives hold what they must, and the way in works from an empty folder.

Nothing is downloaded: an install under test is put into an environment of its own, which finds the libraries, but
not the `pipeline` of the checkout, by the path of the environment that runs the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests import chain

ENVIRONMENT = {key: value for key, value in chain.ENVIRONMENT.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
TO_PYTHON = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python"]
OFFLINE = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder with the sdist, and the wheel made from it; and what the build said."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(chain.ROOT)]
    answer = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT)
    assert answer.returncode == 0, answer.stdout
    return folder, answer.stdout


@pytest.fixture(scope="module")
def wheel(built: tuple[Path, str]) -> Path:
    (wheel,) = built[0].glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def sdist(built: tuple[Path, str]) -> Path:
    (sdist,) = built[0].glob("*.tar.gz")
    return sdist


@pytest.fixture(scope="module", params=["wheel", pytest.param("editable", marks=pytest.mark.slow)])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with gristmill from the wheel, or from an editable install of the unpacked sdist."""
    environment = tmp_path_factory.mktemp(request.param)
    python = _environment(environment / "venv")
    if request.param == "wheel":
        target = [str(request.getfixturevalue("wheel"))]
    else:
        with tarfile.open(request.getfixturevalue("sdist")) as archive:
            archive.extractall(environment)
        (checkout,) = environment.glob("gristmill-*")
        target = ["--editable", str(checkout)]
    subprocess.run([*TO_PYTHON, str(python), *OFFLINE, *target], check=True, env=ENVIRONMENT, cwd=environment)
    return environment


def test_the_build_has_nothing_to_complain_of(built: tuple[Path, str]):
    said = built[1].lower()
    assert "successfully built" in said
    assert not [word for word in ("warning", "deprecat", "error") if word in said], said


def test_the_wheel_holds_the_package_with_its_assets_and_the_recipes_and_nothing_else(wheel: Path):
    package = {path.relative_to(chain.ROOT) for path in _files(chain.ROOT / "pipeline")}
    recipes = {"pipeline" / path.relative_to(chain.ROOT) for path in _files(chain.ROOT / "recipes")}
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name) for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert held == package | recipes
    assert Path("pipeline/recipes/accelerate/cpu2.yaml") in held


def test_the_sdist_holds_whatever_git_tracks(sdist: Path):
    if not (chain.ROOT / ".git").exists():
        pytest.skip("this is no checkout: there is nothing to hold the sdist against")
    listed = subprocess.run(["git", "ls-files"], cwd=chain.ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {name for name in listed.splitlines() if (chain.ROOT / name).exists()}
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert not tracked - held
    assert not [name for name in held if "__pycache__" in name or name.startswith((".venv", ".floors", "runs/"))]


def test_the_metadata_name_the_licence_the_readme_and_no_invented_address(wheel: Path):
    metadata = _metadata(wheel)
    assert metadata["Name"] == "gristmill"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).startswith("# Gristmill")
    assert metadata.get_all("Project-URL") is None


def test_the_way_in_works_in_an_empty_folder(installed: Path, tmp_path: Path):
    _assert_under_test(installed, tmp_path)
    assert "tiny" in _gristmill(installed, tmp_path, "init")
    _gristmill(installed, tmp_path, "init", "tiny")
    _gristmill(installed, tmp_path, "run", "tiny.yaml", "--smoke")
    run = tmp_path / "runs/tiny-smoke"
    assert len(chain.order(run)) == 10
    assert all((run / stage / "manifest.json").exists() for stage in chain.order(run))


@pytest.mark.slow
def test_the_way_in_works_whole(installed: Path, tmp_path: Path):
    _gristmill(installed, tmp_path, "init", "tiny")
    _gristmill(installed, tmp_path, "run", "tiny.yaml")
    verdicts = [
        check["verdict"]
        for stage in chain.order(tmp_path / "runs/tiny")
        for check in json.loads((tmp_path / "runs/tiny" / stage / "checks.json").read_text())
    ]
    assert verdicts
    assert "fail" not in verdicts


def _environment(folder: Path) -> Path:
    """A virtual environment that sees the libraries of this one; its Python.

    A `.pth` adds one folder to the path and does not read that folder's own `.pth` files, so the editable install that
    may stand in the libraries' folder stays behind.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin/python"


def _assert_under_test(installed: Path, elsewhere: Path) -> None:
    script = "import json, pipeline, sys; print(json.dumps([pipeline.__file__, sys.path]))"
    answer = subprocess.run(
        [str(installed / "venv/bin/python"), "-c", script],
        cwd=elsewhere, env=ENVIRONMENT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    module, path = json.loads(answer.stdout)
    assert Path(module).is_relative_to(installed)
    assert str(chain.ROOT) not in path


def _gristmill(installed: Path, folder: Path, *arguments: str) -> str:
    command = [str(installed / "venv/bin/gristmill"), *arguments]
    answer = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))
