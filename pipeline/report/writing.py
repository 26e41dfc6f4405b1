"""Write the page: when asked, and at the end of every run."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.core.artifact import CHECKS, MANIFEST, write_json
from pipeline.core.errors import PipelineError
from pipeline.report.reading import STOPPED, RunRecord, read_run

REPORT = "report.html"

Say = Callable[[str], None]


def write_report(folder: Path, path: Path | None = None, against: Sequence[Path] = ()) -> Path:
    """Write the report of the run in `folder`, to `folder/report.html` unless told otherwise; the path.

    Policies of the runs `against` are drawn beside its own.

    Raises:
        RunError: when there is no run, a file of it is damaged, or there is nothing to compare.
    """
    from pipeline.report.page import render  # matplotlib is imported only when a page is drawn
    from pipeline.report.run_view import view_run

    path = path or folder / REPORT
    run = read_run(folder)
    page = render(view_run(run, [read_run(other) for other in against], path.parent), made_from(run))
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def plain_view(folder: Path, against: Sequence[Path] = ()) -> dict[str, Any]:
    """What the page says, as plain values; charts by their titles and notes.

    Raises:
        RunError: as `write_report`.
    """
    from pipeline.report.run_view import view_run

    view = asdict(view_run(read_run(folder), [read_run(other) for other in against]))
    for part in (*view["stages"], *view["policies"]):
        part["charts"] = [{key: chart[key] for key in ("title", "note")} for chart in part["charts"]]
    return view


def made_from(run: RunRecord) -> str:
    """A digest of what the report is made from. Sealed files do not change, so their manifests stand for them."""
    digest = hashlib.sha256()
    paths = [run.folder / "run.json"]
    for stage in run.stages:
        paths += [stage.folder / MANIFEST, stage.folder / CHECKS]
        if stage.state == "unfinished":
            paths.append(stage.folder / "metrics.jsonl")
    for path in paths:
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    digest.update(f"{run.stopped}\0{run.running}".encode())
    return digest.hexdigest()


def is_current(folder: Path) -> bool:
    """Whether the page in `folder` says what the folder holds."""
    path = folder / REPORT
    if not path.exists():
        return False
    with open(path, encoding="utf-8") as file:
        written = re.search(r'<meta name="made-from" content="(\w+)">', file.read(3000))
    return written is not None and written[1] == made_from(read_run(folder))


@contextmanager
def reported(folder: Path, is_main: bool, say: Say | None = None) -> Iterator[None]:
    """Around a walk through a run: however it ends, note why and bring the report up to date, on rank 0.

    A walk that was refused before it began (the recipe differs, another run is in the folder) leaves everything as it
    is. An interruption from the keyboard is noted, and answered at once.
    """
    before = _walks(folder)
    try:
        yield
    except BaseException as error:
        if is_main and _walks(folder) != before:
            because = (
                f"{error}" if isinstance(error, PipelineError) else f"{type(error).__name__}: {error}".rstrip(": ")
            )
            _attempt(lambda: write_json(folder / STOPPED, {"because": because}), say)
            if isinstance(error, Exception):
                _attempt(lambda: _bring_up_to_date(folder, say), say)
        raise
    if is_main:
        _attempt(lambda: (folder / STOPPED).unlink(missing_ok=True), say)
        _attempt(lambda: _bring_up_to_date(folder, say), say)


def _walks(folder: Path) -> int | None:
    """Changes with every walk that begins: `run.json` is written anew."""
    path = folder / "run.json"
    return path.stat().st_mtime_ns if path.exists() else None


def _bring_up_to_date(folder: Path, say: Say | None) -> None:
    if not is_current(folder):
        path = write_report(folder)
        (say or _print)(f"report: {path}")


def _attempt(act: Callable[[], None], say: Say | None) -> None:
    """A full disk or a damaged file costs the report, never the run."""
    try:
        act()
    except (OSError, PipelineError) as error:
        (say or _print)(f"no report: {error}")


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
