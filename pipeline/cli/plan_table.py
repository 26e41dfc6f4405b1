"""A plan's figures as text of at most 80 columns: the table of all stages, the page of one, and what to beware of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core.estimates import FIGURES, READY, Estimate, Figure, Machine, Totals
from pipeline.core.plan import PlannedStage
from pipeline.core.progress import duration
from pipeline.core.quantities import format_count
from pipeline.core.text import folded, hanging, shortened

COLUMNS = ("parameters", "tokens", "flops", "memory_bytes", "disk_bytes", "seconds")
_HEADS = ("params", "tokens", "FLOPs", "memory", "disk", "time")
_WIDTH = 8
_SIGNS = {"": "", "~": "~", "<=": "≤"}
_WORDS = {"": "", "~": "about ", "<=": "at most "}
_NAMES = {
    "parameters": "parameters",
    "tokens": "tokens",
    "steps": "steps",
    "flops": "FLOPs",
    "memory_bytes": "memory of a process",
    "disk_bytes": "disk",
    "scratch_bytes": "disk while it runs",
    "seconds": "time",
}


def amount(name: str, value: float) -> str:
    """A number in the units of its figure: 462k, 2.3T, 88.2P, 79 MB, 71 s."""
    if name == "seconds":
        return f"{value:.0f} s" if value < 100 else f"{value / 60:.0f} min" if value < 6000 else f"{value / 3600:.0f} h"
    if name.endswith("_bytes"):
        return format_bytes(value)
    for unit, scale in (("Z", 1e21), ("E", 1e18), ("P", 1e15), ("T", 1e12)):
        if value >= 0.9995 * scale:
            return f"{value / scale:.3g}{unit}"
    return format_count(value)


def format_bytes(size: float) -> str:
    """Bytes with three digits at most: 23 kB, 1.9 MB, 79 MB."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= 0.9995 * scale:
            return f"{size / scale:.3g} {unit}" if size < 99.95 * scale else f"{size / scale:.0f} {unit}"
    return f"{size:.0f} B"


def table(planned: Sequence[PlannedStage], estimates: Mapping[str, Estimate], totals: Totals) -> str:
    """A line for each stage, and one for all that would run."""
    width = min(max(len(stage.id) for stage in planned), 16)
    lines = [f"{'stage':<{width}}  {'does':<7}" + "".join(f"{head:>{_WIDTH + 1}}" for head in _HEADS)]
    for stage in planned:
        cells = "".join(f"{_cell(estimates[stage.id], name):>{_WIDTH + 1}}" for name in COLUMNS)
        lines.append(f"{shortened(stage.id, width):<{width}}  {stage.action:<7}{cells}".rstrip())
    if any(stage.action not in READY for stage in planned):
        lines.append(f"{'to make':<{width}}  {'':<7}{_sums(totals)}".rstrip())
    return "\n".join(lines)


def _cell(estimate: Estimate, name: str) -> str:
    figure: Figure | None = getattr(estimate, name)
    if figure is not None:
        return _SIGNS[figure.sign] + amount(name, figure.value)
    return "?" if name in estimate.unknown else "–"


def _sums(totals: Totals) -> str:
    shown = {
        "flops": totals.flops,
        "memory_bytes": totals.memory_bytes,
        "disk_bytes": totals.disk_bytes,
        "seconds": totals.seconds,
    }
    return "".join(
        f"{f'~{amount(name, value)}' if (value := shown.get(name)) else '':>{_WIDTH + 1}}" for name in COLUMNS
    )


def remarks(planned: Sequence[PlannedStage], estimates: Mapping[str, Estimate], totals: Totals) -> list[str]:
    """Why stages that are not plainly new do what they do; what their kinds say of them; what is not known yet."""
    lines: list[str] = []
    for stage in planned:
        if stage.why not in ("not made yet", "made, unchanged"):
            for reason in stage.changes or (stage.why,):
                lines.append(hanging(f"{stage.id}: ", reason))
    coming = [stage for stage in planned if stage.action not in READY]
    lines += [hanging(f"{stage.id}: ", remark) for stage in coming for remark in estimates[stage.id].remarks]
    missing: dict[str, list[str]] = {}
    for stage in coming:
        for why in dict.fromkeys(estimates[stage.id].unknown.values()):
            missing.setdefault(why, []).append(stage.id)
    lines += [hanging("? ", f"{', '.join(ids)}: {why}") for why, ids in missing.items()]
    if totals.seconds and not totals.seconds_complete:
        lines.append("time to make: of the stages whose time is known alone")
    return lines


def warnings(
    planned: Sequence[PlannedStage], estimates: Mapping[str, Estimate], totals: Totals, machine: Machine, runs: Path
) -> list[str]:
    """Where memory or disk will not do."""
    lines = []
    for stage in planned:
        needed = estimates[stage.id].memory_bytes
        if stage.action not in READY and needed and needed.value > machine.free_bytes:
            text = (
                f"{stage.id} needs {format_bytes(needed.value)} of memory, {format_bytes(machine.free_bytes)} are free"
            )
            lines.append(hanging("warn: ", f"{text} on {machine.device}; take a smaller model or shorter rows"))
    place = next(folder for folder in (runs, *runs.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if totals.peak_disk_bytes > free:
        text = f"the run needs {format_bytes(totals.peak_disk_bytes)} of disk, {format_bytes(free)} are free in {place}"
        lines.append(hanging("warn: ", f"{text}; put it elsewhere with --runs"))
    return lines


def page(stage: PlannedStage, estimate: Estimate) -> str:
    """All that is known of one stage."""
    lines = [f"{stage.id}: {stage.action}, {stage.why if not stage.changes else 'made otherwise:'}"]
    lines += [folded(f"  {change}") for change in stage.changes]
    width = max(map(len, _NAMES.values()))
    for name in FIGURES:
        figure: Figure | None = getattr(estimate, name)
        if figure is None and name not in estimate.unknown:
            continue
        text = f"unknown: {estimate.unknown[name]}" if figure is None else _WORDS[figure.sign] + _long(name, figure)
        if name == "seconds" and figure is not None:
            text += f", {estimate.seconds_from}"
        lines.append(hanging(f"  {_NAMES[name]:<{width}}  ", text))
    lines += [hanging(f"  {'remark':<{width}}  ", remark) for remark in estimate.remarks]
    lines += [hanging(f"  {'rests on':<{width}}  ", "; ".join(estimate.notes))] if estimate.notes else []
    return "\n".join(lines)


def _long(name: str, figure: Figure) -> str:
    if name == "seconds":
        return duration(figure.value)
    if name in ("parameters", "tokens", "steps") and not figure.sign:
        return f"{figure.value:,.0f}"
    return f"{figure.value:,.0f}" if name in ("parameters", "steps") else amount(name, figure.value)
