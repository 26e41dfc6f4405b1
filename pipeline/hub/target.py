"""Where to push: a repository's name, as a recipe or the command gives it. Imports nothing heavy."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from pipeline.core.stage import Settings

_TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.))*(?<!\.)(?<!\.lock)")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def _repository(name: str) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    way_on = "write org/name, of letters, digits and . _ -"
    if name.count("/") != 1:
        raise ValueError(f"{name!r} is no repository on the Hub; {way_on}")
    try:
        validate_repo_id(name)
        validate_repo_id(name.split("/")[0])
    except HFValidationError:
        raise ValueError(f"{name!r} is no repository on the Hub; {way_on}, in all at most 96") from None
    return name


def _tag(name: str) -> str:
    if not _TAG.fullmatch(name) or _COMMIT.fullmatch(name):
        raise ValueError(f"{name!r} is no tag; write a name such as v1 or 2026-11")
    return name


def _from_text(value: Any) -> Any:
    return {"repo": value} if isinstance(value, str) else value


class HubTarget(Settings):
    """A repository on the Hub, and how to push to it. A plain string stands for `{repo: string}`."""

    repo: Annotated[str, BeforeValidator(lambda value: _repository(value) if isinstance(value, str) else value)]
    """The repository, `org/name`; it is made if it does not exist."""
    private: bool = False
    """Make it private; one that is public already is refused."""
    tag: Annotated[str, BeforeValidator(lambda value: _tag(value) if isinstance(value, str) else value)] | None = Field(
        default=None
    )
    """A tag for the commit, set once everything is there; null sets none."""


HubInput = Annotated[HubTarget, BeforeValidator(_from_text, json_schema_input_type=str | HubTarget)]
"""A target, or just the repository's name."""
