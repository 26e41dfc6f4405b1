"""Python, the libraries against the floors of our own metadata, and files that would be imported in their place."""

from __future__ import annotations

import importlib.util
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.metadata import metadata as metadata_of
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipeline.core.errors import PipelineError
from pipeline.doctor.finding import Finding
from pipeline.stages import KINDS
from pipeline.stages.packages import brought_stages

NAMED = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "tokenizers")
SHADOWED = ("pipeline", "torch", "transformers", "datasets", "accelerate", "trl", "tokenizers", "peft", "evaluate")
TRACKERS = ("trackio", "tensorboard", "wandb", "mlflow")


def python() -> Iterator[Finding]:
    """Our own version and Python's."""
    now = platform.python_version()
    try:
        floor = metadata_of("gristmill")["Requires-Python"]
    except PackageNotFoundError:
        way = "pip install -e . in the checkout"
        yield Finding("gristmill", "warn", f"not installed, run from its source by Python {now}", way)
        return
    good = SpecifierSet(floor).contains(now)
    found = f"{version('gristmill')} with Python {now} (wants {floor})"
    yield Finding("gristmill", "ok" if good else "fail", found, "" if good else "make an environment with another")


def libraries() -> Iterator[Finding]:
    """What our metadata asks for, against what is installed."""
    try:
        asked = [Requirement(line) for line in requires("gristmill") or ()]
    except PackageNotFoundError:
        return
    needed = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    faults = list(filter(None, map(_fault, needed)))
    yield from faults
    if not faults:
        named = ", ".join(f"{name} {version(name)}" for name in NAMED)
        yield Finding("libraries", "ok", f"all {len(needed)} as required: {named}")


def _fault(asked: Requirement) -> Finding | None:
    way = f"pip install '{asked.name}{asked.specifier}'"
    try:
        now = version(asked.name)
    except PackageNotFoundError:
        return Finding("libraries", "fail", f"{asked.name} is missing", way)
    if asked.specifier.contains(now, prereleases=True):
        return None
    return Finding("libraries", "fail", f"{asked.name} is {now}, wants {asked.specifier}", way)


def shadows(folder: Path | None = None) -> Iterator[Finding]:
    """Files here that Python takes for our package, or for a library, when the folder is on its path."""
    folder = (folder or Path.cwd()).resolve()
    clean = True
    for name in SHADOWED:
        for path in (folder / f"{name}.py", folder / name):
            if not _is_importable(path) or path == _ours():
                continue
            clean = False
            spec = importlib.util.find_spec(name)
            taken = spec is not None and spec.origin is not None and Path(spec.origin).resolve().is_relative_to(path)
            found = f"./{path.name} {'is' if taken else 'would be'} imported instead of the package {name!r}"
            where = "" if taken else " (by `python -m` and `accelerate launch`, which look here first)"
            yield Finding("this folder", "fail" if taken else "warn", found + where, "rename it, or work elsewhere")
    if clean:
        yield Finding("this folder", "ok", "nothing here hides a package")


def _is_importable(path: Path) -> bool:
    return path.is_file() if path.suffix == ".py" else (path / "__init__.py").is_file()


def _ours() -> Path:
    return Path(__file__).resolve().parents[1]


def stages() -> Iterator[Finding]:
    """Stages that other packages bring."""
    try:
        brought = brought_stages(KINDS)
    except PipelineError as error:
        yield Finding("stages", "fail", str(error))
        return
    heavy = [one.distribution for one in brought if one.heavy]
    listed = ", ".join(f"{one.stage.kind} (from {one.distribution})" for one in brought)
    found = f"{len(KINDS)} of ours" + (f", and {listed}" if listed else "")
    if heavy:
        way = f"{', '.join(heavy)} imports torch in its config, which makes every command slow: tell its author"
        yield Finding("stages", "warn", found, way)
    else:
        yield Finding("stages", "ok", found)


def trackers() -> Iterator[Finding]:
    """Where figures may be sent beside `metrics.jsonl`."""
    there = [name for name in TRACKERS if importlib.util.find_spec(name) is not None]
    yield Finding("trackers", "ok", ", ".join(there) or "none; `metrics.jsonl` is always written")
