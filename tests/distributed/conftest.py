"""Prints the table of sharding strategies after its tests."""

from __future__ import annotations

import re
from typing import Any

from tests.distributed.sharding import CHECKS, REFUSED, STAGES, STRATEGIES

_CELL = re.compile(r"test_sharding\.py::test_table\[(\w+)-(\w+)-(\w+)\]")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found: dict[tuple[str, ...], str] = {}
    for outcome, word in (("passed", "ok"), ("skipped", "-"), ("failed", "FAILED"), ("error", "FAILED")):
        for report in terminalreporter.stats.get(outcome, []):
            if match := _CELL.search(getattr(report, "nodeid", "")):
                found[match.groups()] = word
    if not found:
        return
    terminalreporter.section("stage x strategy x check, on two processes by gloo")
    line = "{:<10}{:<8}" + "{:<8}" * len(CHECKS)
    terminalreporter.write_line(line.format("stage", "by", *CHECKS))
    for stage in STAGES:
        for strategy in STRATEGIES:
            cells = [found.get((strategy, stage, check), "") for check in CHECKS]
            if (strategy, stage) in REFUSED:
                refused = "refused" if cells[0] == "ok" else cells[0]
                terminalreporter.write_line(f"{stage:<10}{strategy:<8}{refused}: {REFUSED[strategy, stage]}")
            elif any(cells):
                terminalreporter.write_line(line.format(stage, strategy, *cells))
