"""One line that moves while a stage runs: position, rate, figures, time left.

On a terminal the line is a tqdm bar; elsewhere a plain line is printed every `interval` seconds. Only rank 0 speaks.
"""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """The progress of one stage. `quiet` for ranks other than 0."""

    def __init__(
        self, label: str, *, quiet: bool = False, interval: float = 15.0, stream: TextIO | None = None
    ) -> None:
        """Nothing is shown before the first `update`."""
        self.label = label
        self.quiet = quiet
        self.interval = interval
        self.stream = stream or sys.stderr
        self._bar = None
        self._counted: tuple[str, float | None] | None = None
        self._started = self._spoke = time.monotonic()
        self._origin = 0.0

    def update(self, done: float, total: float | None, unit: str = "step", **figures: float) -> None:
        """Show that `done` of `total` units are finished, with a few figures (loss=1.23)."""
        if self.quiet:
            return
        if self._counted != (unit, total):
            self.close()
            self._counted, self._origin = (unit, total), done
            self._started = self._spoke = time.monotonic()
        if self.stream.isatty():
            self._show_bar(done, total, unit, figures)
        elif time.monotonic() - self._spoke >= self.interval:
            self._spoke = time.monotonic()
            print(self._line(done, total, unit, figures), file=self.stream, flush=True)

    @property
    def unit(self) -> str:
        """What is being counted; empty before the first `update` and after `close`."""
        return self._counted[0] if self._counted else ""

    def note(self, text: str) -> None:
        """Print one line above the moving one."""
        if self.quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        print(f"  {self.label}: {text}", file=self.stream, flush=True)

    def close(self) -> None:
        """End the line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._counted = None

    def _show_bar(self, done: float, total: float | None, unit: str, figures: dict[str, float]) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total, initial=done, unit=f" {unit}", desc=f"  {self.label}", leave=False,
                file=self.stream, dynamic_ncols=True, unit_scale=(total or 0) >= 100_000,
            )  # fmt: skip
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in figures.items()}, refresh=False)
        self._bar.update(done - self._bar.n)

    def _line(self, done: float, total: float | None, unit: str, figures: dict[str, float]) -> str:
        rate = (done - self._origin) / max(time.monotonic() - self._started, 1e-9)
        place = f"{done:,.0f}/{total:,.0f}" if total else f"{done:,.0f}"
        left = f", {duration((total - done) / rate)} left" if total and rate > 0 else ""
        shown = "".join(f", {name} {value:.4g}" for name, value in figures.items())
        return f"  {self.label}: {place} {unit}s, {rate:,.3g}/s{left}{shown}"


def duration(seconds: float) -> str:
    """Seconds as a person writes them: `8.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
