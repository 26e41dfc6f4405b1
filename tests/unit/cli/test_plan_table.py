from __future__ import annotations

from pathlib import Path

from pipeline.cli.plan_table import amount, format_bytes, page, remarks, table, warnings
from pipeline.core.estimates import Estimate, Figure, Machine, totals
from pipeline.core.plan import Plan, PlannedStage

MACHINE = Machine("cpu", 10**9)


def planned(stage: str, action: str = "run", why: str = "not made yet", changes: tuple[str, ...] = ()) -> PlannedStage:
    return PlannedStage(stage, action, why, "", {}, Path("runs/x") / stage, changes)  # type: ignore[arg-type]


STAGES = [
    planned("corpus", "skip", "made, unchanged"),
    planned("a-stage-of-a-very-long-name"),
    planned("ppo", "differs", "x", ("steps was 30, now 60",)),
]
ESTIMATES = {
    "corpus": Estimate(seconds=Figure(7.2), seconds_from="as recorded"),
    "a-stage-of-a-very-long-name": Estimate(
        parameters=Figure(123_456_789_012, "<="),
        tokens=Figure(9.99e11, "~"),
        flops=Figure(1.23e23, "~"),
        memory_bytes=Figure(2e9, "<="),
        disk_bytes=Figure(9.99e6, "~"),
        seconds=Figure(359_000, "~"),
        seconds_from="at the pace of tiny/sft, by flops",
    ),
    "ppo": Estimate(unknown={"tokens": "after instruct"}),
}  # fmt: skip
SUMS = totals(Plan(tuple(STAGES)), ESTIMATES)


def test_the_table_and_what_is_below_it_fit_80_columns():
    lines = [*table(STAGES, ESTIMATES, SUMS).splitlines(), *remarks(STAGES, ESTIMATES, SUMS)]
    assert all(len(line) <= 80 for text in lines for line in text.splitlines())


def test_what_is_made_is_not_counted_again():
    assert SUMS.seconds == 359_000
    assert not SUMS.seconds_complete


def test_what_is_unknown_is_a_question_mark_with_its_reason():
    row = next(line for line in table(STAGES, ESTIMATES, SUMS).splitlines() if line.startswith("ppo"))
    assert "?" in row
    assert "? ppo: after instruct" in remarks(STAGES, ESTIMATES, SUMS)
    assert "ppo: steps was 30, now 60" in remarks(STAGES, ESTIMATES, SUMS)


def test_too_little_memory_or_disk_is_warned_of(tmp_path: Path):
    (first,) = warnings(STAGES, ESTIMATES, SUMS, MACHINE, tmp_path)
    assert first.startswith("warn: a-stage-of-a-very-long-name needs 2 GB of memory, 1 GB are free")
    huge = {**ESTIMATES, "ppo": Estimate(disk_bytes=Figure(1e18))}
    found = warnings(STAGES, huge, totals(Plan(tuple(STAGES)), huge), MACHINE, tmp_path / "runs")
    assert any("of disk" in line for line in found)


def test_the_page_of_a_stage_says_where_its_time_comes_from():
    text = page(STAGES[1], ESTIMATES["a-stage-of-a-very-long-name"])
    assert "at the pace of tiny/sft, by flops" in text
    assert "at most 123,456,789,012" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_numbers_are_written_as_people_write_them():
    assert [amount("seconds", value) for value in (71.2, 195, 7200)] == ["71 s", "3 min", "2 h"]
    assert [format_bytes(size) for size in (27_800, 1.91e6, 136e6, 99.97e6)] == [
        "27.8 kB",
        "1.91 MB",
        "136 MB",
        "100 MB",
    ]
    assert amount("flops", 2.61e12) == "2.61T"
