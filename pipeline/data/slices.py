"""Share rows among processes: contiguous slices in, all rows out in order, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pipeline.core.stage import Processes

Row = TypeVar("Row")


def own_slice(processes: Processes, count: int) -> range:
    """The process's part of `count` rows; parts differ by one row at most."""
    rank, world_size = processes.rank, processes.world_size
    return range(rank * count // world_size, (rank + 1) * count // world_size)


def over_ranks(processes: Processes, count: int, work: Callable[[range], list[Row]]) -> list[Row]:
    """What `work` makes of rows 0 to `count`, one result a row, on every process; each works on its own slice."""
    part = own_slice(processes, count)
    done = work(part)
    assert len(done) == len(part), (len(done), len(part))
    return [row for rank in processes.gather(done) for row in rank]
