"""Trackers: the rows of `metrics.jsonl`, sent on to what `runtime.trackers` names, through Accelerate's classes.

`metrics.jsonl` is the truth, and all that the report reads. Each stage is a run of its own, named RUN/STAGE; what a
tracker keeps on disk lies in `.trackers`, beside the stages and in no artifact. A training that was stopped goes on in
the tracker's same run, and rows that it has had are not sent again; after a kill, one that sends in the background may
lack the last of them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, TrackioTracker, WandBTracker

from pipeline.core.artifact import read_json, write_json
from pipeline.core.errors import StageError
from pipeline.core.plan import IDENTITY
from pipeline.core.stage import StageContext

FOLDER = ".trackers"
BEGUN = "trackers.json"
"""In the stage's scratch folder, until the artifact is sealed: the identity of each tracker's run."""

Row = Mapping[str, Any]
Opened = tuple[GeneralTracker, str]
"""A tracker that has started, and what tells its run from others."""


class Place(NamedTuple):
    """Where a tracker puts a stage's rows."""

    run: str
    """The name of our run: the trackers' project."""
    stage: str
    folder: Path
    """For the tracker's files."""

    @property
    def name(self) -> str:
        """What the tracker's run is called."""
        return f"{self.run}/{self.stage}"


class Trackers:
    """The trackers of one training, on rank 0; none unless the recipe names some."""

    def __init__(self, context: StageContext, rows: Sequence[Row], had: int) -> None:
        """Open them: those begun before have had every row up to step `had`, others are sent `rows` first."""
        file = context.work / BEGUN
        begun: dict[str, str] = read_json(file) if file.exists() else {}
        self._trackers: list[GeneralTracker] = []
        self._last: list[int] = []
        """The step up to which each has had the rows."""
        for name in dict.fromkeys(context.runtime.trackers):
            folder = (context.output.parent / FOLDER / name).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            tracker, identity = _OPEN[name](Place(folder.parents[1].name, context.id, folder), begun.get(name))
            if name not in begun:
                tracker.store_init_configuration(settings_of(context))
            self._trackers.append(tracker)
            self._last.append(had if name in begun else -1)
            write_json(file, begun := {**begun, name: identity})
        for row in rows:
            self.log(row)

    def log(self, row: Row) -> None:
        """Send one row to each tracker that has not had it."""
        values = {name: value for name, value in row.items() if name != "step"}
        for index, tracker in enumerate(self._trackers):
            if row["step"] > self._last[index]:
                tracker.log(values, step=row["step"])
                self._last[index] = row["step"]

    def finish(self) -> None:
        """Close them: everything has been sent."""
        for tracker in self._trackers:
            tracker.finish()


def settings_of(context: StageContext) -> dict[str, Any]:
    """The stage's settings as they were resolved, by dotted key; what is no number or text as JSON."""
    settings = read_json(context.work / IDENTITY)["settings"]
    return {"seed": context.seed, **dict(_flat(settings, ""))}


def _flat(value: Any, key: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [pair for name, item in value.items() for pair in _flat(item, f"{key}.{name}" if key else name)]
    return [(key, value if isinstance(value, bool | int | float | str) else json.dumps(value))]


def _started(tracker: Any) -> Any:
    """The tracker, ready to take rows.

    Raises:
        StageError: whatever its library raises: no account, no network, a folder that it cannot use.
    """
    try:
        tracker.start()
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StageError(
            f"runtime.trackers: {tracker.name} does not start: {reason}; set it up or leave it out"
        ) from None
    return tracker


def _now() -> str:
    """Tells the tracker's runs of one stage apart: `--rerun` begins another, going on does not."""
    return time.strftime("%Y%m%d-%H%M%S")


def _tensorboard(place: Place, identity: str | None) -> Opened:
    identity = identity or _now()
    return _started(TensorBoardTracker(f"{place.name}/{identity}", place.folder)), identity


def _trackio(place: Place, identity: str | None) -> Opened:
    identity = identity or _now()
    os.environ.setdefault("TRACKIO_DIR", str(place.folder))  # read when trackio is imported
    return _started(TrackioTracker(place.run, name=f"{place.name} {identity}", resume="allow")), identity


def _wandb(place: Place, identity: str | None) -> Opened:
    identity = identity or f"{place.run}-{place.stage}-{_now()}"
    tracker = WandBTracker(place.run, name=place.name, id=identity, resume="allow", dir=str(place.folder))
    return _started(tracker), identity


def _mlflow(place: Place, identity: str | None) -> Opened:
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{place.folder / 'mlflow.db'}")
    folder = (place.folder / "artifacts").as_uri()
    tracker = _started(MLflowTracker(place.run, logging_dir=folder, run_id=identity, run_name=place.name))
    return tracker, tracker.tracker.info.run_id


_OPEN: Mapping[str, Callable[[Place, str | None], Opened]] = {
    "tensorboard": _tensorboard,
    "trackio": _trackio,
    "wandb": _wandb,
    "mlflow": _mlflow,
}
"""Open a tracker's run: a new one, or the one of that identity."""
