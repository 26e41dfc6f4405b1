"""Faults of the run's folder, of the disk and of the launch. A row breaks one thing in a finished run of toy stages
(sow -> mill -> bake, in `runs/loaf`), says how it is run again, and the line that must come out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.contracts.bad_input.fault import Fault, fault

LOAF = "runs/loaf"

Again = tuple[Callable[[Path], Any], dict[str, Any]]
"""What breaks something in the folder, and the options of the second run."""


def half(name: str, **options: Any) -> Again:
    """A file cut in half."""
    return lambda folder: write(
        folder / name, (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    ), options


def holds(name: str, text: str, **options: Any) -> Again:
    """A file that holds something else."""
    return lambda folder: write(folder / name, text.encode()), options


def field(name: str, key: str, value: Any, **options: Any) -> Again:
    """A JSON file with one field changed; None removes it."""

    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        content.pop(key)
        write(folder / name, json.dumps(content | ({} if value is None else {key: value})).encode())

    return change, options


def deleted(name: str, **options: Any) -> Again:
    return lambda folder: (folder / name).unlink(), options


def nothing(**options: Any) -> Again:
    return lambda folder: None, options


def unfinished(then: Again) -> Again:
    """The mill as a killed run left it, and then something more."""

    def stop(folder: Path) -> None:
        mill = folder / LOAF / "mill"
        made = json.loads((mill / "manifest.json").read_text())
        shutil.rmtree(mill)
        (mill / ".work").mkdir(parents=True)
        record = {key: made[key] for key in ("fingerprint", "identity", "settings")} | {
            "environment": {"world_size": 1, "versions": {}}
        }
        (mill / ".work/identity.json").write_text(json.dumps(record))
        then[0](folder)

    return stop, then[1]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


RECORDS: list[Fault] = [
    fault("a manifest cut in half", half(f"{LOAF}/sow/manifest.json"), f"{LOAF}/sow/manifest.json: damaged (…); move the stage's folder aside and run again"),
    fault("an empty manifest", holds(f"{LOAF}/sow/manifest.json", ""), f"{LOAF}/sow/manifest.json: damaged (Expecting value: …); move the stage's folder aside and run again"),
    fault("a manifest that is a list", holds(f"{LOAF}/sow/manifest.json", "[]"), f"{LOAF}/sow/manifest.json: damaged (a list where an object is due); …"),
    fault("a manifest without fingerprint", field(f"{LOAF}/sow/manifest.json", "fingerprint", None), f"{LOAF}/sow/manifest.json: damaged (no 'fingerprint' in it); …"),
    fault("a manifest that is not UTF-8", (lambda folder: write(folder / LOAF / "sow/manifest.json", b'{"kind": "\xe9"}'), {}), f"{LOAF}/sow/manifest.json: damaged (…); …"),
    fault("a manifest of a later version", field(f"{LOAF}/sow/manifest.json", "format", 99), f"{LOAF}/sow/manifest.json: of format 99, and this version of gristmill reads 1; use the version that made it, or start beside it with --name NEW"),
    fault("a manifest of an earlier version", field(f"{LOAF}/sow/manifest.json", "format", 0), f"{LOAF}/sow/manifest.json: of format 0, and this version of gristmill reads 1; …"),
    fault("checks cut in half", half(f"{LOAF}/sow/checks.json"), f"{LOAF}/sow/checks.json: damaged (…); remove it, and the next run checks the stage again"),
    fault("checks that are none", holds(f"{LOAF}/sow/checks.json", '[{"name": "x"}]'), f"{LOAF}/sow/checks.json: damaged (it holds no checks); …"),
    fault("the identity of an unfinished stage cut in half", unfinished(half(f"{LOAF}/mill/.work/identity.json")), f"{LOAF}/mill/.work/identity.json: damaged (…); move the stage's folder aside and run again"),
    fault("an identity without fingerprint", unfinished(holds(f"{LOAF}/mill/.work/identity.json", "{}")), f"{LOAF}/mill/.work/identity.json: damaged (no 'fingerprint' in it); …"),
    fault("remembered digests cut in half", holds("runs/.digests.json", '{"a": [1'), "runs/.digests.json: damaged (…); restore it, or remove it"),
    fault("remembered digests that are a list", holds("runs/.digests.json", "[]"), "runs/.digests.json: damaged (a list where an object is due); restore it, or remove it"),
    fault("a deleted input", unfinished(deleted(f"{LOAF}/sow/grain.txt")), f"{LOAF}/sow/grain.txt: missing since it was sealed, and stage 'mill' reads it; `--rerun sow` makes it again, `gristmill verify {LOAF}/sow` looks at the rest"),
]  # fmt: skip

OPTIONS: list[Fault] = [
    fault("a name that leaves the runs", nothing(name="../../x"), "--name ../../x: '../../x' is no name for a folder; …"),
    fault("an absolute name", nothing(name="/tmp/x"), "--name /tmp/x: '/tmp/x' is no name for a folder; …"),
    fault("an empty name", nothing(name=""), "--name : '' is no name for a folder; …"),
    fault("runs that are a file", nothing(runs="loaf.yaml"), "loaf.yaml: a file where a folder is due; give another --runs or --name"),
    fault("runs below a file", nothing(runs="loaf.yaml/x"), "loaf.yaml: a file where a folder is due; give another --runs or --name"),
    fault("until an unknown stage", nothing(until="mil"), "there is no stage 'mil' in loaf.yaml; did you mean 'mill'?"),
    fault("rerun of an unknown stage", nothing(rerun=["mil"]), "there is no stage 'mil' in loaf.yaml; did you mean 'mill'?"),
    fault("accept of an unknown stage", nothing(accept=["mil"]), "there is no stage 'mil' in loaf.yaml; did you mean 'mill'?"),
]  # fmt: skip

TABLES = {"records": RECORDS, "options": OPTIONS}
