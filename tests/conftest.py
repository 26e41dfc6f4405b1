"""What several folders of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import chain

SHARED = ("tiny_folder", "small_run")
"""Runs that many files share, the longest first."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of one shared run stay on one worker (`--dist loadgroup`), and begin first; the others go file by file."""

    def place(item: pytest.Item) -> int:
        used = getattr(item, "fixturenames", ())
        return next((place for place, name in enumerate(SHARED) if name in used), len(SHARED))

    places = {file: min(map(place, tests)) for file, tests in by_file(items).items()}
    items.sort(key=lambda item: places[item.path])
    for item in items:
        group = SHARED[places[item.path]] if places[item.path] < len(SHARED) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def by_file(items: list[pytest.Item]) -> dict[Path, list[pytest.Item]]:
    """The tests of each file."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    return files


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `tests/recipes/small.yaml`, run once on one process and never stopped."""
    runs = tmp_path_factory.mktemp("small")
    chain.run(chain.SMALL, runs)
    return runs / "small"


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newcomer's folder: `gristmill init tiny`, `gristmill run tiny.yaml`, nothing else. The run is in runs/tiny."""
    folder = tmp_path_factory.mktemp("newcomer")
    for arguments in (["init", "tiny"], ["run", "tiny.yaml"]):
        print(chain.gristmill(folder, *arguments))
    return folder
