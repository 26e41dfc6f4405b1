"""An editor's language server completes and checks a recipe that `gristmill init` copied. Skipped where it is absent.

`npm install -g yaml-language-server` brings it (1.25 was tried; VS Code's YAML extension is the same program).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app

SERVER = shutil.which("yaml-language-server")
pytestmark = [
    pytest.mark.skipif(SERVER is None, reason="yaml-language-server is not installed"),
    pytest.mark.timeout(60),
]


class Editor:
    """One open file, as far as a language server sees an editor."""

    def __init__(self, file: Path) -> None:
        assert SERVER is not None
        self.uri = file.as_uri()
        self.version = 0
        self.number = 0
        self.server = subprocess.Popen([SERVER, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        formats = {"hover": {"contentFormat": ["markdown"]}}
        self.ask("initialize", processId=None, rootUri=file.parent.as_uri(), capabilities={"textDocument": formats})
        self.send("initialized", {})

    def diagnostics(self, text: str) -> list[str]:
        """Open or change the file; what the server says of it."""
        self.version += 1
        document = {"uri": self.uri, "version": self.version}
        if self.version == 1:
            self.send("textDocument/didOpen", {"textDocument": {**document, "languageId": "yaml", "text": text}})
        else:
            self.send("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        said = self.read_until(lambda message: message.get("method") == "textDocument/publishDiagnostics")
        return [fault["message"] for fault in said["params"]["diagnostics"]]

    def complete(self, text: str) -> list[str]:
        """What is offered where `|` stands in the text."""
        answer = self.at("textDocument/completion", text)
        return [item["label"] for item in answer["items"]]

    def hover(self, text: str) -> str:
        """What is shown where `|` stands in the text."""
        return self.at("textDocument/hover", text)["contents"]["value"]

    def at(self, method: str, text: str) -> Any:
        before = text.split("|")[0]
        self.diagnostics(text.replace("|", ""))
        place = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self.ask(method, textDocument={"uri": self.uri}, position=place)

    def ask(self, method: str, **parameters: Any) -> Any:
        self.number += 1
        number = self.number
        self.send(method, parameters, id=number)
        return self.read_until(lambda message: message.get("id") == number and "method" not in message)["result"]

    def send(self, method: str, parameters: Any, **more: Any) -> None:
        self.write({"method": method, "params": parameters, **more})

    def write(self, message: dict[str, Any]) -> None:
        assert self.server.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.server.stdin.flush()

    def read_until(self, wanted: Any) -> dict[str, Any]:
        while True:
            message = self.read()
            if wanted(message):
                return message
            if "id" in message and "method" in message:  # the server asks the editor something: it has no opinion
                self.write({"id": message["id"], "result": None})

    def read(self) -> dict[str, Any]:
        assert self.server.stdout is not None
        length = 0
        while (line := self.server.stdout.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.server.stdout.read(length))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("editor")
    assert CliRunner().invoke(app, ["init", "tiny", "--to", str(folder)]).exit_code == 0
    return folder / "tiny.yaml"


@pytest.fixture
def editor(recipe: Path) -> Iterator[Editor]:
    opened = Editor(recipe)
    yield opened
    opened.server.kill()
    opened.server.wait()


def test_the_copy_has_no_fault_and_a_typo_is_one(editor: Editor, recipe: Path):
    text = recipe.read_text()
    assert editor.diagnostics(text) == []
    faults = editor.diagnostics(text.replace("kl_coefficient:", "kl_coeficient:").replace("wsd", "wds"))
    assert any("kl_coeficient" in fault for fault in faults)
    assert any('"wsd", "cosine", "linear", "constant"' in fault for fault in faults)


def test_keys_values_and_kinds_are_completed(editor: Editor, recipe: Path):
    text = recipe.read_text()
    assert "sampling" in editor.complete(text.replace("    kl_coefficient: 0.1\n", "    |\n"))
    assert editor.complete(text.replace("schedule: wsd", "schedule: |", 1))[:4] == [
        "wsd",
        "cosine",
        "linear",
        "constant",
    ]
    assert {"pretrain", "sft", "instruct"} <= set(
        editor.complete(text.replace("    policy: instruct", "    policy: |", 1))
    )
    assert "builtin:valley-judge" in editor.complete(text.replace('judge: "builtin:valley-judge"', "judge: |", 1))
    assert "corpus" in editor.complete(text + "  mine:\n    kind: |\n")
    assert "loss_on" in editor.complete(text + "  mine:\n    kind: sft\n    |\n")


def test_a_setting_s_docstring_is_shown(editor: Editor, recipe: Path):
    text = recipe.read_text().replace("kl_coefficient: 0.1", "kl_|coefficient: 0.1")
    assert "Reward lost per nat" in editor.hover(text)
