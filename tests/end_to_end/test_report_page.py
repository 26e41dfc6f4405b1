"""The report of a real run, and of one that is full of hostile text, as Chromium shows them."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.writing import write_report
from tests import chain
from tests.unit.report.folder import HOSTILE, begin_stage, record_run, training_rows, whole_run

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWS = {
    "desktop, light": ("light", 1280),
    "desktop, dark": ("dark", 1280),
    "phone, light": ("light", 390),
    "phone, dark": ("dark", 390),
}

OPEN_ALL = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true })"

LAYOUT = """() => {
  const inside = (element) => element.closest('.wide, pre') !== null;
  const name = (element) => element.tagName + ': ' + element.textContent.trim().slice(0, 60);
  const beyond = [...document.querySelectorAll('main *')].filter(
    (element) => !inside(element) && element.getBoundingClientRect().right > innerWidth + 0.5).map(name);
  const outside = [], overlapping = [];
  for (const chart of document.querySelectorAll('svg.chart')) {
    const box = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll('text')].map((text) => [text, text.getBoundingClientRect()]);
    for (const [text, own] of texts)
      if (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1 || own.bottom > box.bottom + 1)
        outside.push(chart.getAttribute('aria-label').slice(0, 40) + ' | ' + name(text));
    texts.forEach(([one, a], place) => texts.slice(place + 1).forEach(([other, b]) => {
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (width > 1 && height > 3)
        overlapping.push(chart.getAttribute('aria-label').slice(0, 40) + ' | ' + name(one) + ' | ' + name(other));
    }));
  }
  const empty = [...document.querySelectorAll('svg.chart')].filter(
    (chart) => !chart.querySelector('[class*="-c"]')).map((chart) => chart.getAttribute('aria-label'));
  return {wide: document.documentElement.scrollWidth - innerWidth, beyond, outside, overlapping, empty,
          scrolling: [...document.querySelectorAll('.wide')].filter(
            (table) => table.scrollWidth > table.clientWidth).map((table) => table.getAttribute('aria-label')),
          charts: document.querySelectorAll('svg.chart').length};
}"""

CONTRAST = """() => {
  const parts = (colour) => { const found = colour.match(/[\\d.]+/g).map(Number); return found.length < 4 ? [...found, 1] : found; };
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const weak = {}; let least = 100, count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim()) continue;
    const style = getComputedStyle(element);
    const text = light(parts(element.closest('svg') ? style.fill : style.color)), paper = light(behind(element));
    const ratio = (Math.max(text, paper) + 0.05) / (Math.min(text, paper) + 0.05);
    count += 1; least = Math.min(least, ratio);
    if (ratio < 4.5) weak[element.tagName + '.' + element.getAttribute('class')] = ratio;
  }
  return {weak, least, count, paper: behind(document.body)};
}"""


@pytest.fixture(scope="module")
def pages(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of the small run and its corpus's card, of a run full of hostile text, and of one that has just begun."""
    folder = tmp_path_factory.mktemp("pages")
    hostile = whole_run(folder / "hostile", text=HOSTILE)
    begun = record_run(folder / "begun", ["pretrain", "sft"])
    begin_stage(begun, "pretrain", training_rows())
    return {
        "small": small_run / "report.html",
        "card": small_run / "corpus/card.html",
        "hostile": write_report(hostile),
        "begun": write_report(begun),
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None:
        pytest.skip("needs Debian's Chromium at /usr/bin/chromium, and playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield opened
        opened.close()


def test_the_numbers_on_the_page_are_those_of_metrics_jsonl(small_run: Path):
    view = json.loads(_report(small_run, "--json"))
    for stage in view["stages"]:
        if not (small_run / stage["id"] / "metrics.jsonl").exists():
            continue
        rows = chain.metrics(small_run / stage["id"])
        column = "score" if stage["kind"] == "ppo" else "loss"
        title = "true_score" if "true_score" in rows[0] else column
        chart = "Score" if stage["kind"] == "ppo" else "Training loss"
        (note,) = [each["note"].replace("−", "-") for each in stage["charts"] if each["title"] == chart]
        said = re.match(r"from (\S+) at step (\d+) to (\S+) at step (\d+)", note)
        assert said, note
        first, last = rows[0], rows[-1]
        expected = [first[title], first["step"], last[title], last["step"]]
        assert [*map(float, said.groups())] == pytest.approx(expected, rel=1e-2, abs=1e-3), stage["id"]


def test_the_report_harms_no_artifact(small_run: Path):
    _report(small_run)
    answer = subprocess.run(
        [sys.executable, "-m", "pipeline", "verify", str(small_run)], cwd=chain.ROOT, env=chain.ENVIRONMENT
    )
    assert answer.returncode == 0


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("which", ["small", "card", "hostile", "begun"])
def test_chromium_shows_the_whole_page_and_asks_for_nothing(
    browser: Any, pages: dict[str, Path], which: str, view: str
):
    scheme, width = VIEWS[view]
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(pages[which].as_uri())
    page.evaluate(OPEN_ALL)
    layout, contrast = page.evaluate(LAYOUT), page.evaluate(CONTRAST)
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [pages[which].as_uri()]
    assert layout["wide"] <= 0 and layout["beyond"] == []
    assert layout["outside"] == [] and layout["overlapping"] == [] and layout["empty"] == []
    if which == "small" and width > 1000:
        assert layout["scrolling"] == []
    assert layout["charts"] >= ({"begun": 3, "card": 2}.get(which, 15))
    assert contrast["weak"] == {} and contrast["count"] > 40
    assert (sum(contrast["paper"][:3]) < 200) == (scheme == "dark")


def _report(run: Path, *options: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "report", str(run), *options],
        cwd=chain.ROOT, env=chain.ENVIRONMENT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
