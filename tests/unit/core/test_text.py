"""Lines that fit a terminal."""

from __future__ import annotations

import pytest

from pipeline.core.text import hanging


@pytest.mark.parametrize(
    "path", ["a.yaml", "/home/someone/" + "deep/" * 12 + "a.yaml", "/home/" + "deep/" * 30 + "a.yaml"]
)
def test_a_text_behind_a_path_of_any_length_fits_and_is_whole(path: str):
    told = hanging(f"{path}: ", "valid, " + ", ".join(["stage"] * 20))
    assert " ".join(told.split()) == f"{path}: valid, " + ", ".join(["stage"] * 20)
    assert all(len(line) <= 80 or line == f"{path}:" for line in told.splitlines())
