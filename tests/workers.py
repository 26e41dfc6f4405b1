"""Which tests stay together when several workers share them (`make test`): those of one run that many files read."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from xdist.scheduler import LoadScopeScheduling

FILES = {
    "tiny_folder": ["test_tiny", "test_readme", "test_over_optimisation"],
    "small_run": [
        "test_two_processes",
        "test_hub",
        "test_kill_and_resume",
        "test_plan",
        "test_reuse",
        "test_adapter_learns",
        "test_report_page",
    ],
}
"""The files that read a shared run, by its fixture; the longest first."""
GROUPS = {file: fixture for fixture, files in FILES.items() for file in files}


def group(nodeid: str) -> str:
    """A shared run, or the test's file."""
    file = nodeid.split("::")[0]
    return GROUPS.get(PurePath(file).stem, file)


class ByRun(LoadScopeScheduling):
    """A group goes to one worker. xdist has a mark for this, `xdist_group`, which pytest 9.2 does not let it read."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def in_order(items: list[pytest.Item]) -> None:
    """Sort `items`: the shared runs first, so that no worker is left alone with one.

    Raises:
        pytest.UsageError: a file reads a shared run and is not in `FILES`.
    """
    for item in items:
        used = FILES.keys() & getattr(item, "fixturenames", ())
        if used - {group(item.nodeid)}:
            raise pytest.UsageError(f"{item.path.name} reads {', '.join(used)}: add it to FILES of tests/workers.py")
    places = {name: place for place, name in enumerate(FILES)}
    items.sort(key=lambda item: places.get(group(item.nodeid), len(places)))
