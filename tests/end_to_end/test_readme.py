"""Every command and program of the README does what it says, in a newcomer's folder, in the order of the page.

Commands fenced as `bash` instead of `sh` want GPUs; they are not run here. YAML fenced as `yml` is a part of a recipe. The run beside tiny's takes fewer updates
than the page says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from ruamel.yaml import YAML

from pipeline.core.stage import Runtime
from pipeline.stages import stage_table
from tests import chain

README = (chain.ROOT / "README.md").read_text(encoding="utf-8")
DONE_ELSEWHERE = {
    "pip install gristmill": "test_packaging installs the wheel and the editable checkout",
    "gristmill init tiny": "the fixture `tiny_folder` did it",
    "gristmill run tiny.yaml": "the fixture `tiny_folder` did it",
    "gristmill run tiny.yaml --smoke": "test_packaging does it with what the wheel installs",
}
FEWER = {
    "ppo.kl_coefficient=0.2 ": "ppo.kl_coefficient=0.2 --set ppo.steps=3 ",
    '["ppo.kl_coefficient=0.2"]': '["ppo.kl_coefficient=0.2", "ppo.steps=3"]',
}
"""What is put in place of settings in commands, and in programs."""
CHAT = [
    {"messages": [{"role": "user", "content": f"Say {word}."}, {"role": "assistant", "content": word}]}
    for word in ["mill", "grist", "river", "town", "hill", "lamp", "stone", "road", "field", "bread"]
]


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines of the README's shell blocks, without what they say after `#`."""
    lines = [line.split(" #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [shortened(line) for line in lines if line]


def shortened(text: str) -> str:
    """A command or a program with fewer updates of ppo."""
    for said, instead in FEWER.items():
        text = text.replace(said, instead)
    return text


@pytest.fixture(scope="module")
def folder(tiny_folder: Path) -> Path:
    """The newcomer's folder, with a conversation file and some text of their own."""
    (tiny_folder / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in CHAT * 4), encoding="utf-8")
    (tiny_folder / "text").mkdir()
    for name, text in list(topics.items())[:60]:
        (tiny_folder / f"text/{name}.txt").write_text(text, encoding="utf-8")
    return tiny_folder


def test_every_command_of_the_readme_works(folder: Path):
    bin_folder = Path(sys.executable).parent
    environment = chain.ENVIRONMENT | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    told = commands()
    assert len(told) >= 15 and sum("ppo.steps=3" in command for command in told) == 2
    assert set(DONE_ELSEWHERE) <= set(told), "the list above names what the page no longer says"
    for command in told:
        if command in DONE_ELSEWHERE:
            continue
        answer = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        print(f"$ {command}\n{answer.stdout}{answer.stderr}")
        assert answer.returncode == 0, f"$ {command}\n{answer.stdout}{answer.stderr}"
        if not command.startswith("accelerate"):
            # What happens while it runs (stderr) is folded on a terminal only: a file holds lines that a search finds.
            assert max(map(len, answer.stdout.splitlines()), default=0) <= 80, command
    assert (folder / "runs/gentle/ppo/manifest.json").exists()
    assert "reused_from" in json.loads((folder / "runs/gentle/instruct/manifest.json").read_text())


def test_every_program_of_the_readme_works(folder: Path):
    programs = blocks("python")
    assert len(programs) == 2
    answer = subprocess.run(
        [sys.executable, "-c", shortened("\n".join(programs))],
        cwd=folder,
        env=chain.ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert (folder / "out/sft/manifest.json").exists()


def test_the_recipe_of_the_readme_runs(folder: Path):
    (recipe,) = blocks("yaml")
    (folder / "mine.yaml").write_text(recipe)
    output = chain.gristmill(folder, "run", "mine.yaml")
    assert (folder / "runs/mine/terse/manifest.json").exists(), output


def test_the_parts_of_recipes_are_settings_that_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: ModuleSpec(name, None, origin="here")
    )  # Ray and the like need not be here
    parts = [
        part for block in blocks("yml") for part in re.split(r"^(?=\w)", block, flags=re.MULTILINE) if part.strip()
    ]
    assert len(parts) >= 4
    for part in parts:
        ((name, settings),) = YAML(typ="safe").load(part).items()
        if name == "runtime":
            Runtime(**settings)
        else:
            stage_table()[name].config(**settings)


def test_every_file_that_the_readme_names_is_there():
    named = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(named) > 10
    assert not [name for name in named if not name.startswith("https://") and not (chain.ROOT / name).exists()]
