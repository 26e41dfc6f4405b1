"""What several folders of tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import chain


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
