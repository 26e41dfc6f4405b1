"""What a sibling run has made is taken over, whole or not at all, and belongs to both runs."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from pipeline.core.seal import damage
from tests.unit.core import toy
from tests.unit.core.test_run import actions, walk


def test_an_equal_fingerprint_is_linked_in_and_only_the_rest_is_made(tmp_path: Path):
    walk(tmp_path)
    again = walk(tmp_path, toy.RECIPE, "mill.stones.turns=9", name="finer")
    assert toy.CALLS == ["mill", "bake"]
    assert again["sow"].action == "reuse"
    first, second = (tmp_path / "runs" / name / "sow" / "grain.txt" for name in ("loaf", "finer"))
    assert first.stat().st_ino == second.stat().st_ino
    assert again["sow"].manifest["reused_from"] == str(tmp_path / "runs/loaf/sow")
    assert damage(again["sow"].path) == []


def test_what_reads_a_changed_stage_by_its_default_name_is_made(tmp_path: Path):
    walk(tmp_path)
    walk(tmp_path, toy.RECIPE, "sow.grains=9", name="more")
    assert toy.CALLS == ["sow", "mill", "bake"]
    identity = json.loads((tmp_path / "runs/more/mill/manifest.json").read_text())["identity"]
    assert identity["settings"]["grain"].keys() == {"input"}


def test_the_plan_says_what_would_be_taken_over(tmp_path: Path):
    walk(tmp_path)
    assert actions(tmp_path, "mill.stones.turns=9", name="finer") == {"sow": "reuse", "mill": "run", "bake": "run"}
    assert not (tmp_path / "runs/finer").exists()


def test_what_was_taken_over_is_skipped_the_next_time(tmp_path: Path):
    walk(tmp_path)
    walk(tmp_path, name="copy")
    assert toy.CALLS == []
    assert set(actions(tmp_path, name="copy").values()) == {"skip"}


def test_deleting_one_run_leaves_the_other_whole(tmp_path: Path):
    walk(tmp_path)
    copy = walk(tmp_path, name="copy")
    shutil.rmtree(tmp_path / "runs/loaf")
    assert [damage(copy[stage].path) for stage in ("sow", "mill", "bake")] == [[], [], []]
    walk(tmp_path, name="copy")
    assert toy.CALLS == []


def test_a_damaged_artifact_is_not_taken_over(tmp_path: Path):
    walk(tmp_path)
    grain = tmp_path / "runs/loaf/sow/grain.txt"
    grain.chmod(0o644)
    grain.write_text("weeds")
    again = walk(tmp_path, name="copy")
    assert toy.CALLS == ["sow"]
    assert (again["sow"].path / "grain.txt").read_text() != "weeds"


def test_an_artifact_that_vanishes_between_plan_and_walk_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    walk(tmp_path)
    moved = os.link

    def link(source: Path, target: Path) -> None:
        if Path(source).name == "grain.txt":
            raise FileNotFoundError(source)
        moved(source, target)

    monkeypatch.setattr(os, "link", link)
    walk(tmp_path, name="copy")
    assert toy.CALLS == ["sow"]


def test_across_file_systems_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    walk(tmp_path)

    def link(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "link", link)
    copy = walk(tmp_path, name="copy")
    assert toy.CALLS == []
    assert damage(copy["sow"].path) == []
    assert (copy["sow"].path / "grain.txt").stat().st_mode & 0o777 == 0o444


def test_rerun_makes_anew_what_a_sibling_has(tmp_path: Path):
    walk(tmp_path)
    walk(tmp_path, name="copy", rerun=["mill"])
    assert toy.CALLS == ["mill", "bake"]


def test_an_unfinished_or_differing_artifact_is_not_taken_over(tmp_path: Path):
    walk(tmp_path)
    (tmp_path / "runs/loaf/sow/manifest.json").unlink()
    assert actions(tmp_path, name="copy")["sow"] == "run"


def test_checks_are_taken_over_and_made_where_missing(tmp_path: Path):
    walk(tmp_path)
    (tmp_path / "runs/loaf/mill/checks.json").unlink()
    copy = walk(tmp_path, name="copy")
    for stage in ("sow", "mill"):
        assert json.loads((copy[stage].path / "checks.json").read_text()) is not None
