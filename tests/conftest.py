"""What several folders of tests share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import chain, workers


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.ByRun:
    return workers.ByRun(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    workers.in_order(items)


@pytest.fixture(autouse=True)
def no_accelerator_left() -> Iterator[None]:
    """Accelerate keeps one state for a process, its precision too: each test begins without."""
    yield
    if state := sys.modules.get("accelerate.state"):
        state.AcceleratorState._reset_state(False)


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
