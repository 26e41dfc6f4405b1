"""`gristmill chat` as it is called: by pipes, and at a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from tests.unit.stages.tiny import save_tiny_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("chat") / "model").path


def gristmill_chat(*arguments: str, typed: str = ""):
    return CliRunner().invoke(app, ["chat", *arguments, "--max-new-tokens", "8"], input=typed)


def test_lines_of_stdin_are_answered_and_the_command_ends(model):
    answer = gristmill_chat(str(model), "--json", typed="the mill\nthe river\n")
    assert answer.exit_code == 0, answer.output
    assert [json.loads(line)["prompt"] for line in answer.stdout.splitlines()] == ["the mill", "the river"]


def test_a_prompt_is_answered_once_and_two_models_beside_each_other(model):
    answer = gristmill_chat(str(model), "--against", str(model), "--prompt", "the mill", "--seed", "3")
    assert answer.exit_code == 0, answer.output
    rows = [line.split(" |") for line in answer.stdout.splitlines() if " |" in line]
    assert rows
    assert all(left.strip() == right.strip() for left, right in rows)


def test_every_option_of_sampling_changes_the_answer(model):
    options = ([], ["--seed", "1"], ["--temperature", "0"], ["--temperature", "3"], ["--top-p", "0.3"], ["--complete"])
    said = [gristmill_chat(str(model), "--prompt", "the mill", *more).stdout for more in options]
    assert len(set(said)) == len(options)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--temperature", "inf"], 2, "--temperature"),
        (["--temperature", "-1"], 2, "--temperature"),
        (["--top-p", "1.5"], 2, "--top-p"),
        (["--trust-remote-code"], 3, "--trust-remote-code stands only beside hf://"),
        (["--against", "nowhere"], 3, "no such run or folder"),
        (["--system", " "], 3, "--system: text: is empty"),
        (["--prompt", "the mill " * 90], 3, "--prompt: "),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(model, arguments, code, message):
    answer = gristmill_chat(str(model), *arguments)
    assert answer.exit_code == code
    assert message in answer.stderr
    assert isinstance(answer.exception, SystemExit)


def test_at_a_terminal_one_can_ask_and_leave(model):
    """A real terminal: the prompt, an answer, a command, Ctrl-D."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "pipeline", "chat", str(model), "--max-new-tokens", "8"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    screen = _read_until(ours, "leaves")
    for line, expected in (("the mill", "cut after 8 tokens"), ("/seed 4", "seed 4\r\n")):
        os.write(ours, f"{line}\n".encode())
        screen += _read_until(ours, expected)
    os.write(ours, b"\x04")
    assert process.wait(timeout=60) == 0
    os.close(ours)
    assert "parameters, context 64" in screen


def _read_until(descriptor: int, text: str, timeout: float = 90) -> str:
    """What the terminal shows until `text` and then the prompt; keys before that may go where nobody reads."""
    read, deadline = "", time.monotonic() + timeout
    while not (text in read and read.endswith("> ")):
        assert time.monotonic() < deadline, read
        if select.select([descriptor], [], [], 1)[0]:
            read += os.read(descriptor, 4096).decode(errors="replace")
    return read
