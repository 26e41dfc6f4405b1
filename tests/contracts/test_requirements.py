"""What `pip install gristmill` brings, read from the installed packages' own metadata; no network."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
in_venv = pytest.mark.skipif(
    Path(sys.prefix).resolve() != (ROOT / ".venv").resolve(), reason="about .venv: older versions bring other packages"
)


def closure(distribution: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """The distribution with these extras, and whatever it needs here, by canonical names."""
    seen: set[tuple[str, frozenset[str]]] = set()

    def walk(name: str, wanted: frozenset[str]) -> None:
        if (name, wanted) in seen:
            return
        seen.add((name, wanted))
        for needed in _needed(name, wanted):
            walk(canonicalize_name(needed.name), frozenset(needed.extras))

    walk(distribution, extras)
    return {name for name, _ in seen}


def _needed(distribution: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for line in requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield requirement


@in_venv
def test_an_install_is_at_most_91_packages_with_pip_and_torchs_cpu_build():
    brought = closure("gristmill") | {"pip"}
    assert {"torch", "sympy", "mpmath"} <= brought  # the walk goes down
    cuda = {name for name in brought if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert len(brought - cuda) <= 91, sorted(brought - cuda)


def test_no_tracker_and_no_tool_of_a_developer_is_brought():
    brought = closure("gristmill")
    assert not brought & {"trackio", "wandb", "mlflow", "tensorboard", "pytest", "ruff", "playwright", "hatchling"}


@in_venv
def test_the_constraints_pin_whatever_the_developers_extra_brings():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(match[1]) for line in lines if (match := re.match(r"([\w.-]+)==", line))}
    outside = {"gristmill", "pip", "setuptools"}
    assert not closure("gristmill", frozenset({"dev"})) - pinned - outside
