"""A figure as SVG to stand inside a page, or as PNG for where SVG is not shown.

The SVG obeys a content security policy without inline styles: every `style` attribute becomes presentation attributes,
every colour of `style.COLOURS` a class (`s-ink` for a stroke, `f-ink` for a fill) that the page's stylesheet defines.
It is the same text for the same figure, and its ids begin with the chart's name.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from matplotlib.figure import Figure

from pipeline.figures.style import COLOURS, styled

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_CLASSES = {value: name for name, value in COLOURS.items()}
_PAGE_SETS = ("font-family", "font-style", "font-variant", "font-weight", "font-stretch")
_PNG_SCALE = 2.5
"""Pixels of the PNG for each of the SVG: sharp on a dense screen."""


@styled()
def svg(figure: Figure, name: str, label: str) -> str:
    """SVG text to put into a page; `name` is unique on the page, `label` is read out in place of the picture."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(text.getvalue())
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in (f"{_SVG}metadata", f"{_SVG}style")]:
            parent.remove(child)
    _name_ids(root, name)
    for element in root.iter():
        _restyle(element)
        _shorten(element)
        element.tag = element.tag.removeprefix(_SVG)
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib.clear()
    root.attrib |= {"class": "chart", "viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    root.attrib |= {"role": "img", "aria-label": label}
    return ET.tostring(root, encoding="unicode")


@styled()
def png(figure: Figure) -> bytes:
    """A picture on white."""
    picture = io.BytesIO()
    dpi = figure.get_dpi() * _PNG_SCALE
    figure.savefig(picture, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return picture.getvalue()


def _name_ids(root: ET.Element, name: str) -> None:
    """Keep only the ids that something refers to, each beginning with `name`."""
    used = {reference for element in root.iter() for reference in _references(element)}
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in used:
            element.set("id", f"{name}-{own}")
        if _LINK in element.attrib:
            element.set("href", f"#{name}-{element.attrib.pop(_LINK).removeprefix('#')}")
        if "clip-path" in element.attrib:
            element.set("clip-path", element.attrib["clip-path"].replace("url(#", f"url(#{name}-"))


def _references(element: ET.Element) -> Iterator[str]:
    if _LINK in element.attrib:
        yield element.attrib[_LINK].removeprefix("#")
    yield from re.findall(r"url\(#(.+?)\)", element.attrib.get("clip-path", ""))


def _restyle(element: ET.Element) -> None:
    """The `style` attribute as attributes and classes."""
    classes = []
    for declaration in element.attrib.pop("style", "").split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if not key or key in _PAGE_SETS:
            continue
        if key == "font":  # the shorthand of matplotlib before 3.10: only the size is ours to say
            key, value = "font-size", re.findall(r"[\d.]+px", value)[0]
        if value in _CLASSES:
            classes.append(f"{key[0]}-{_CLASSES[value]}")
        else:
            element.set(key, value)
    if classes:
        element.set("class", " ".join(classes))


def _shorten(element: ET.Element) -> None:
    """Hundredths of a pixel are enough; the white space between elements says nothing."""
    for key in ("d", "x", "y", "width", "height", "transform", "viewBox"):
        if key in element.attrib:
            element.set(key, re.sub(r"-?\d+\.\d+", _hundredths, " ".join(element.attrib[key].split())))
    if element.attrib.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]
    if element.tag != f"{_SVG}text":
        element.text = None
    element.tail = None


def _hundredths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
