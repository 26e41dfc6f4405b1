"""The tables of an evaluation and of the run: figures by model, win rates, what was dropped, lineage, environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core.artifact import read_json
from pipeline.data.funnel import ledger
from pipeline.report.numbers import moment, number, with_error
from pipeline.report.reading import StageRecord, read_rows
from pipeline.report.samples import legible
from pipeline.report.tokenizers import tokenizer_tables
from pipeline.report.views import Table

_MOST_SOURCES = 4
"""Sources that each have a column in the account of a corpus."""
_SHORT = 12
"""Letters of a fingerprint that tell artifacts apart."""


def tables(stage: StageRecord) -> list[Table]:
    """The tables of one stage."""
    warned = [warning_table(stage.rows)] if any("warning" in row for row in stage.rows) else []
    return warned + (_made_tables(stage) if stage.state == "made" else [])


def _made_tables(stage: StageRecord) -> list[Table]:
    if stage.kind == "corpus" and (path := stage.folder / "funnel.json").exists():
        steps = read_json(path)["steps"]
        return [table for table in (account_table(steps), changed_table(steps)) if table.rows]
    if stage.kind == "tokenizer" and (path := stage.folder / "tokenizer_report.json").exists():
        return tokenizer_tables(read_json(path))
    if stage.kind == "pretrain" and (path := stage.folder / "samples.jsonl").exists():
        return [excerpt_table(read_rows(path))]
    if stage.kind == "evaluate" and (path := stage.folder / "evaluation.json").exists():
        return evaluation_tables(read_json(path))
    return []


def warning_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What was found wrong while the stage trained, each fault once."""
    found = [(number(row["step"]), row["warning"]) for row in rows if "warning" in row]
    return Table("Said while it trained", ("step", "warning"), found)


def excerpt_table(samples: Sequence[Mapping[str, Any]]) -> Table:
    """What the model wrote in the course of its training: a line for each evaluation, a column for each prompt."""
    prompts = list(dict.fromkeys(row["prompt"] for row in samples))
    lines: dict[int, dict[str, str]] = {}
    for row in samples:
        lines.setdefault(row["step"], {})[row["prompt"]] = legible(row["completion"])
    rows = [(number(step), *(line[prompt] for prompt in prompts)) for step, line in lines.items()]
    return Table(
        "What it writes", ("step", *(f"{legible(prompt)} …" for prompt in prompts)), rows, "held-out beginnings"
    )


def account_table(steps: Sequence[Mapping[str, Any]]) -> Table:
    """Where each document of a corpus went: what was read, less and more, is what is in it; by source where few are."""
    entries = ledger(steps)
    if not entries:
        return Table("Where each document went", (), ())
    names = list(entries[0].counts)
    columns = names if 1 < len(names) <= _MOST_SOURCES else []
    rows = [
        (entry.title, *(number(entry.counts.get(name, 0)) for name in columns), number(entry.total))
        for entry in entries
    ]
    read, *changes, kept = [entry.total for entry in entries]
    parts = [f"{number(read)} read", f"{number(sum(change for change in changes if change < 0))} dropped"]
    more = sum(change for change in changes if change > 0)
    parts += [f"+{number(more)} taken again"] if more else []
    note = f"{' '.join(parts)} = {number(kept)}"
    return Table(
        "Where each document went", ("documents", *columns, "all sources" if columns else "how many"), rows, note
    )


def changed_table(steps: Sequence[Mapping[str, Any]]) -> Table:
    """How many documents each step changed and kept."""
    rows = [
        (step["step"].replace("_", " "), source, number(count))
        for step in steps
        for source, count in step["changed"].items()
    ]
    return Table("Changed, and kept", ("step", "source", "documents"), rows)


def evaluation_tables(found: Mapping[str, Any]) -> list[Table]:
    """A table for each task, with a column for each model; then the win rates."""
    models, figures = found["models"], found["figures"]
    made = [
        figure_table(task, [row for row in figures if row["task"] == task], models)
        for task in dict.fromkeys(row["task"] for row in figures)
    ]
    return [*made, win_table(found["win_rates"])] if found["win_rates"] else made


def figure_table(task: str, figures: Sequence[Mapping[str, Any]], models: Sequence[str]) -> Table:
    """One line for each figure, one column for each model with its standard error; the baseline and n at the end."""
    lines: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in figures:
        lines.setdefault((row["metric"], row["group"]), {})[row["model"]] = row
    several = len({metric for metric, _ in lines}) > 1
    rows: list[tuple[str, ...]] = []
    for (metric, group), by_model in lines.items():
        any_one = next(iter(by_model.values()))
        parts = [metric] if several and group == "all" else [metric, group] if several else [group]
        counts = sorted({row["n"] for row in by_model.values()})
        n = number(counts[0]) if len(counts) == 1 else f"{number(counts[0])} to {number(counts[-1])}"
        cells = [
            with_error(by_model[model]["value"], by_model[model]["standard_error"]) if model in by_model else ""
            for model in models
        ]
        baseline = "" if any_one["baseline"] is None else number(any_one["baseline"])
        rows.append((" · ".join(parts).replace("_", " "), *cells, baseline, n))
    head = ["figure" if several else figures[0]["metric"].replace("_", " "), *models, "baseline or floor", "n"]
    if not any(row[-2] for row in rows):
        head, rows = [*head[:-2], "n"], [(*row[:-2], row[-1]) for row in rows]
    return Table(task, head, rows, "± one standard error over the rows")


def win_table(wins: Sequence[Mapping[str, Any]]) -> Table:
    """How often answers were preferred."""
    rows = [
        (
            win["model"],
            win["against"],
            win["judge"],
            with_error(win["win_rate"], win["standard_error"]),
            number(win["ties"]),
            number(win["n"]),
        )
        for win in wins
    ]
    return Table("Win rates", ("model", "against", "judge", "win rate", "ties", "n"), rows, "a tie counts half")


def lineage_table(stages: Sequence[StageRecord]) -> Table:
    """From what each artifact was made, when, and its fingerprint."""
    rows = []
    here = {stage.manifest["fingerprint"] for stage in stages if stage.manifest}
    for stage in stages:
        made = stage.manifest
        if not made:
            continue
        sources = [
            source["address"]
            if source["fingerprint"] in here
            else f"{source['address']} {source['fingerprint'][:_SHORT]}"
            for source in made.get("inputs", {}).values()
        ]
        outside = [address for address in _addresses(made.get("settings", {})) if ":" in address or "/" in address]
        remarks = [
            f"reused from {made['reused_from']}" if made.get("reused_from") else "",
            "resumed" if made.get("resumed") else "",
            "" if made.get("exact", True) else f"not exact: {'; '.join(made['inexact_because'])}",
        ]
        rows.append(
            (
                stage.id,
                made["fingerprint"][:_SHORT],
                ", ".join(dict.fromkeys([*sources, *outside])),
                moment(made["started"]),
                "; ".join(filter(None, remarks)),
            )
        )
    head = ("stage", "fingerprint", "made from", "begun", "remarks")
    shown = len(head) if any(row[-1] for row in rows) else len(head) - 1
    return Table("Lineage", head[:shown], [row[:shown] for row in rows])


def environment(stages: Sequence[StageRecord]) -> list[tuple[str, str]]:
    """The libraries, machine and code of the last stage that was made, and which stages were made by others."""
    made = [stage for stage in stages if stage.manifest]
    if not made:
        return []
    last = made[-1].manifest
    versions = last["environment"]["versions"]
    found = [(name, version) for name, version in versions.items()]
    found.append(("machine", last["environment"]["machine"]))
    if last["environment"].get("commit"):
        found.append(("code", last["environment"]["commit"][:_SHORT]))
    found += _runtime(made)
    found.append(("processes", str(max(stage.manifest["world_size"] for stage in made))))
    others = [stage.id for stage in made if stage.manifest["environment"]["versions"] != versions]
    return [*found, ("made with other versions", ", ".join(others))] if others else found


def _runtime(made: Sequence[StageRecord]) -> list[tuple[str, str]]:
    """How the stages ran, as they chose where the recipe leaves it to them; all values where they chose differently."""
    ran = [stage.manifest["runtime"] for stage in made]
    chosen = [runtime for runtime in ran if "device" in runtime] or ran
    names = dict.fromkeys(name for runtime in chosen for name in runtime if name != "trackers")
    found = []
    for name in names:
        values = dict.fromkeys(number(runtime[name]) for runtime in chosen if name in runtime)
        found.append((name.replace("_", " "), ", ".join(values)))
    trackers = dict.fromkeys(name for runtime in ran for name in runtime.get("trackers", ()))
    return [*found, ("trackers", ", ".join(trackers) or "none")]


def _addresses(settings: Any) -> list[str]:
    """The `path` of every reference within settings, and every judge or function named by itself."""
    if isinstance(settings, Mapping):
        own = [settings["path"]] if isinstance(settings.get("path"), str) else []
        return own + [address for value in settings.values() for address in _addresses(value)]
    if isinstance(settings, list | tuple):
        return [address for value in settings for address in _addresses(value)]
    return []
