"""Whether a reward model is as sure as it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from pipeline.figures.style import MUTED, SERIES, legend, new_figure, styled


@styled()
def calibration(bins: Sequence[Mapping[str, float]]) -> Figure | None:
    """How often held-out labels agreed with the model, against how sure it was; on the diagonal it is calibrated.

    `bins` hold `predicted`, `agreed`, `standard_error` and `n`.
    """
    if len(bins) < 2:
        return None
    figure, axes = new_figure()
    predicted, agreed = [part["predicted"] for part in bins], [part["agreed"] for part in bins]
    errors = [part["standard_error"] for part in bins]
    axes.plot([0.5, 1], [0.5, 1], color=MUTED, linewidth=1.2, linestyle=(0, (5, 2.5)), label="calibrated")
    axes.errorbar(
        predicted, agreed, yerr=errors, color=SERIES[0], linestyle="none", marker="o", markersize=5,
        elinewidth=1.2, label="held-out pairs ± 1 s.e.",
    )  # fmt: skip
    axes.set_xlim(0.49, 1.01)
    axes.xaxis.set_major_locator(FixedLocator([0.5, 0.6, 0.7, 0.8, 0.9, 1]))
    low = min(0.5, *(share - error for share, error in zip(agreed, errors, strict=True)))
    axes.set_ylim(low - 0.02, 1.02)
    axes.set_title("share where the label agreed")
    axes.set_xlabel("probability that the model gave its preference")
    legend(figure)
    return figure
