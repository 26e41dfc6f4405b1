"""Run a program in a fresh process that takes the double for the Hub, and that can reach nothing but 127.0.0.1."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.hub_double.server import Hub

ROOT = Path(__file__).parents[2]
GUARD = Path(__file__).parent / "guard"
"""Its sitecustomize refuses every connection that leaves this machine."""


def environment(hub: Hub | None, home: Path, token: str | None = None, **others: str) -> dict[str, str]:
    """The environment of such a program; huggingface_hub reads it when it is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    ours = {
        "HF_HOME": str(home),
        "HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "80",
        "PYTHONPATH": os.pathsep.join((str(GUARD), str(ROOT))),
    }
    return kept | ours | ({"HF_TOKEN": token} if token else {}) | others


def python(arguments: list[str], variables: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python; the caller looks at the exit code."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )  # fmt: skip
