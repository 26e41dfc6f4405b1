from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from pipeline.figures import drawing
from pipeline.figures.calibration import calibration
from pipeline.figures.corpus import funnel, lengths, similarities
from pipeline.figures.courses import course, learning_rate, reward_against_kl, training_curve
from pipeline.figures.evaluation import tasks_by_stage, win_rates
from pipeline.figures.series import MOST_POINTS, Level, line_of, running_mean, thinned
from pipeline.figures.style import COLOURS


def rows(count: int = 50, **columns):
    return [
        {"step": step, "tokens": 100 * step, "loss": 2 + 1 / step, "learning_rate": 1e-3 / step, "kl": 0.1 * step}
        | {name: function(step) for name, function in columns.items()}
        for step in range(1, count + 1)
    ]


SHARES = [
    {"model": model, "group": group, "value": 0.5, "standard_error": 0.05, "baseline": 0.25, "n": 100}
    for model in ("sft", "ppo")
    for group in ("add", "copy")
]
STEPS = [{"step": "repair", "in": 100, "out": 90, "dropped": {"short": {"a": 10}}}]
WINS = [{"model": "ppo", "against": "sft", "judge": "j", "win_rate": 0.9, "standard_error": 0.02, "n": 50}]
BINS = [{"predicted": p, "agreed": p, "standard_error": 0.02, "n": 60} for p in (0.55, 0.7, 0.9)]

FIGURES = {
    "loss": lambda: training_curve(rows(900), [Level("floor", 1.9), Level("bigram", 3.0)]),
    "learning rate": lambda: learning_rate(rows()),
    "band": lambda: course([line_of(rows(score=float, score_error=lambda s: 0.1), "score")], unit="score"),
    "reward against KL": lambda: reward_against_kl(rows(score=float), [("score", "learned")]),
    "funnel": lambda: funnel(STEPS),
    "lengths": lambda: lengths([{"from": 2.0**n, "to": 2.0 ** (n + 1), "documents": n} for n in range(4, 12)]),
    "similarities": lambda: similarities([{"from": 0.7, "to": 0.75, "documents": 3}], 0.7),
    "tasks": lambda: tasks_by_stage(SHARES, ["sft", "ppo"]),
    "wins": lambda: win_rates(WINS),
    "calibration": lambda: calibration(BINS),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_chart_needs_no_inline_style_no_script_and_no_other_file(name: str):
    text = drawing.svg(FIGURES[name](), "x", "a chart")
    assert " style=" not in text and "<style" not in text and "<script" not in text and "http" not in text
    assert not re.findall(r"#[0-9a-f]{6}\b", text), "a colour that no stylesheet can turn for the dark"
    assert "<text" in text, "text is text"


@pytest.mark.parametrize("name", FIGURES)
def test_a_chart_is_the_same_text_every_time(name: str):
    assert drawing.svg(FIGURES[name](), "x", "a") == drawing.svg(FIGURES[name](), "x", "a")


def test_ids_of_two_charts_on_one_page_differ():
    ids = [set(re.findall(r' id="(.+?)"', drawing.svg(FIGURES["loss"](), name, "a"))) for name in ("one", "two")]
    assert ids[0] and not ids[0] & ids[1]


def test_every_reference_within_a_chart_has_its_target():
    text = drawing.svg(FIGURES["reward against KL"](), "x", "a")
    targets = set(re.findall(r' id="(.+?)"', text))
    assert set(re.findall(r'href="#(.+?)"', text)) | set(re.findall(r"url\(#(.+?)\)", text)) == targets


def test_the_drawn_line_is_the_logged_one():
    logged = rows(30, loss=lambda step: 2 + (step * 37 % 11) / 10)
    root = ET.fromstring(drawing.svg(training_curve(logged), "x", "a"))
    (path,) = [element.get("d") for element in root.iter("path") if "s-c1" in element.get("class", "")]
    points = np.array(re.findall(r"[ML] (\S+) (\S+)", path), dtype=float)
    assert len(points) == 30
    for drawn, column, sign in ((points[:, 0], "tokens", 1), (points[:, 1], "loss", -1)):
        assert np.corrcoef(drawn, [sign * row[column] for row in logged])[0, 1] > 0.99999


def test_what_cannot_be_drawn_makes_no_chart():
    assert training_curve([]) is None
    assert training_curve(rows(1)) is None
    assert training_curve([{"step": 1, "loss": float("nan")}, {"step": 2, "loss": None}]) is None
    assert learning_rate([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}]) is None
    assert reward_against_kl(rows(), [("score", "learned")]) is None
    assert funnel([]) is None and tasks_by_stage([], ["sft"]) is None and win_rates([]) is None
    assert calibration(BINS[:1]) is None


def test_a_long_line_keeps_its_ends_and_its_peaks():
    values = np.sin(np.arange(50_000) / 100)
    values[12_345], values[44_444] = 9.0, -9.0
    places = thinned(values)
    assert len(places) <= MOST_POINTS
    assert {0, 49_999, 12_345, 44_444} <= set(places)


def test_a_line_never_has_more_than_its_points():
    root = ET.fromstring(drawing.svg(training_curve(rows(5000)), "x", "a"))
    assert max(element.get("d", "").count("L") for element in root.iter("path")) < MOST_POINTS


def test_the_running_mean_of_a_straight_line_is_that_line():
    values = np.linspace(5, 1, 997)
    np.testing.assert_allclose(running_mean(values), values)


def test_tokens_are_the_axis_only_where_every_row_counts_them():
    line = line_of([{"step": 1, "loss": 1.0}, {"step": 2, "tokens": 9, "loss": 1.0}], "loss")
    assert line is not None and list(line.x) == [1, 2]


def test_a_picture_is_a_png_on_white():
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(drawing.png(FIGURES["loss"]())))
    assert picture.format == "PNG" and picture.width == 850
    assert picture.convert("RGB").getpixel((1, picture.height - 1)) == (255, 255, 255)


def test_every_colour_has_one_name():
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_drawing_imports_no_torch_and_sets_no_state():
    script = (
        "import matplotlib, sys\n"
        "from pipeline.figures import calibration, corpus, courses, drawing, evaluation\n"
        "from pipeline.figures.style import STYLE\n"
        "before = {key: matplotlib.rcParams[key] for key in STYLE}\n"
        "drawing.svg(courses.training_curve([{'step': 1, 'loss': 2.}, {'step': 2, 'loss': 1.}]), 'x', 'a')\n"
        "assert {key: matplotlib.rcParams[key] for key in STYLE} == before\n"
        "assert not {'torch', 'transformers', 'matplotlib.pyplot'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
