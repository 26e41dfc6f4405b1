"""Packages that only some settings need: extras of this one."""

from __future__ import annotations

import importlib.util


def require_installed(module: str, extra: str) -> None:
    """Refuse a setting whose package is not there.

    Raises:
        ValueError: naming the extra that brings it, for a config's validator to raise.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:  # without an origin it is a folder that happens to be called so
        raise ValueError(f"{module} is not installed; `pip install 'gristmill[{extra}]'` brings it")
