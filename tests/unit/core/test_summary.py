"""The table of a run and its findings: what they say, and that they fit a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.core.artifact import write_json
from pipeline.core.lock import locked
from pipeline.core.stage import Check
from pipeline.core.summary import findings, marks, outlook, table
from pipeline.core.text import coloured, folded, hanging, shortened

LONG = "wins .97 of the comparisons, five of eight tasks beat the better baseline, 0.928 bits per byte"
ADVICE = "train longer, or look whether the template of the conversations is the one that the model was trained with"


def state(name: str, *verdicts: str, headline: str = LONG, made: bool = True) -> dict[str, Any]:
    checks = [Check(f"check_{n}", n, "more than that", verdict, ADVICE) for n, verdict in enumerate(verdicts)]  # type: ignore[arg-type]
    seconds = 3725.0 if made else None
    return {"id": name, "state": "made" if made else "missing", "headline": headline, "seconds": seconds, "checks": checks}  # fmt: skip


@pytest.mark.parametrize("folder", ["runs/tiny", "/a/very/long/path/to/the/folder/of/a/run/that/has/a/long/name/too"])
@pytest.mark.parametrize("name", ["sft", "a-stage-with-quite-a-long-name"])
def test_no_line_passes_80_columns(name: str, folder: str):
    states = [state(name, "pass", "fail"), state("corpus", *["warn"] * 12), state("ppo", made=False, headline="")]
    text = "\n".join([table(states, Path(folder)), *findings(states)])
    assert max(map(len, text.splitlines())) <= 80
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_mark_is_the_gravest_verdict_and_how_many_bear_it():
    assert marks(state("a", "pass", "pass")["checks"]) == "2 ok"
    assert marks(state("a", "pass", "warn", "pass")["checks"]) == "1 warn"
    assert marks(state("a", "warn", "fail", "fail")["checks"]) == "2 fail"
    assert marks([]) == ""


def test_findings_name_stage_check_figure_and_advice_below_one_another():
    (found,) = findings([state("sft", "pass", "warn")])
    first, *rest = found.splitlines()
    assert first.startswith("warn: sft: check_1 is 1, expected more than that; train longer")
    assert rest and all(line.startswith("      ") for line in rest)
    assert findings([state("sft", "warn", "fail")], ["fail"])[0].startswith("fail: sft: check_1")
    assert len(findings([state("sft", "warn", "fail")], ["fail"])) == 1


def test_the_outlook_gives_the_command_that_goes_on(tmp_path: Path):
    folder = tmp_path / "hotter"
    write_json_record(folder)
    states = [state("sft", "pass"), state("reward", "fail"), state("ppo", made=False)]
    said = outlook(states, folder)
    assert said.startswith("ppo is next; `--accept reward` lets its check pass")
    assert said.splitlines()[-1] == f"  gristmill run recipes/tiny.yaml --name hotter --runs {tmp_path}"
    begun = [*states[:1], {**states[2], "state": "unfinished"}, {**states[2], "id": "publish"}]
    assert outlook(begun, folder).startswith("ppo goes on where it stopped, then publish:")
    assert outlook(states[:2], folder) == ""
    with locked(folder):
        assert "a process is working" in outlook(states, folder)


@pytest.mark.parametrize(
    ("name", "options"), [("tiny-smoke", "--smoke"), ("hotter-smoke", "--name hotter --smoke"), ("tiny", "")]
)
def test_the_command_that_goes_on_is_the_one_that_began(tmp_path: Path, name: str, options: str):
    write_json_record(tmp_path / name, smoke="smoke" in name)
    expected = " ".join(f"gristmill run recipes/tiny.yaml {options} --runs {tmp_path}".split())
    assert outlook([state("ppo", made=False)], tmp_path / name).splitlines()[-1] == f"  {expected}"


def write_json_record(folder: Path, smoke: bool = False) -> None:
    folder.mkdir()
    record = {"recipe": "recipes/tiny.yaml", "name": "tiny", "order": ["sft", "reward", "ppo"], "smoke": smoke}
    write_json(folder / "run.json", record)


class Screen:
    """A stream that says whether it is a terminal."""

    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


def test_colour_is_for_a_terminal_that_wants_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert coloured("fail", Screen(True)) == "\033[31mfail\033[0m"  # type: ignore[arg-type]
    assert coloured("fail", Screen(False)) == "fail"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured("fail", Screen(True)) == "fail"  # type: ignore[arg-type]


def test_folded_lines_keep_every_word():
    line = "  warn: " + " ".join(f"word{n}" for n in range(60))
    assert folded(line).split() == line.split()
    assert max(map(len, folded(line).splitlines())) <= 80
    assert hanging("a: ", "b") == "a: b"
    assert shortened("abcdef", 4) == "abc…" and shortened("abcd", 4) == "abcd"
