"""What ships with the package for the user to copy: recipes, and configs for `accelerate launch`.

A wheel carries them inside the package; in a checkout they lie beside it.
"""

from __future__ import annotations

import re
from pathlib import Path


def shipped_recipes() -> dict[str, Path]:
    """The recipes by name: `tiny`."""
    return {path.stem: path for path in sorted(_folder().glob("*.yaml"))}


def shipped_launches() -> dict[str, Path]:
    """The configs for `accelerate launch` by name: `accelerate/cpu2`."""
    return {f"accelerate/{path.stem}": path for path in sorted((_folder() / "accelerate").glob("*.yaml"))}


def summary(path: Path) -> str:
    """The first sentence of the comment that a shipped file opens with."""
    comment: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#") or line == "#":
            break
        comment.append(line.removeprefix("#").strip())
    return re.split(r"(?<=[.])\s", " ".join(comment), maxsplit=1)[0]


def _folder() -> Path:
    package = Path(__file__).parent
    inside = package / "recipes"
    return inside if inside.exists() else package.parent / "recipes"
