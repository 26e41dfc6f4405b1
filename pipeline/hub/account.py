"""May this machine push there? Asked before anything is uploaded, and before the first stage of a recipe runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from huggingface_hub import HfApi, constants, get_token

from pipeline.core.errors import StageError
from pipeline.hub.retry import Patience


def demand_token(repo: str) -> str:
    """The user's token.

    Raises:
        StageError: when there is none, or the network is switched off.
    """
    if constants.HF_HUB_OFFLINE:
        raise StageError(f"{repo}: HF_HUB_OFFLINE is set, so nothing can be pushed; unset it")
    token = get_token()
    if token is None:
        raise StageError(f"{repo}: no token for the Hub; `hf auth login` stores one, or set HF_TOKEN")
    return token


def demand_access(repo: str, say: Callable[[str], None], patience: Patience | None = None) -> None:
    """What a push asks before it uploads anything, for asking it earlier.

    Raises:
        StageError: see `demand_token` and `demand_rights`; or when the Hub does not answer.
    """
    demand_token(repo)
    (patience or Patience()).of(lambda: demand_rights(HfApi(), repo), repo, say)


def demand_rights(api: HfApi, repo: str) -> None:
    """Ask the Hub who the token's owner is.

    A fine-grained token does not tell its rights; the Hub then refuses at the first writing.

    Raises:
        StageError: when the token may only read, or the owner does not belong to the repository's namespace.
    """
    account = api.whoami()
    role = account.get("auth", {}).get("accessToken", {}).get("role")
    name = account["name"]
    if role == "read":
        raise StageError(f"{repo}: the token of {name} may only read; make one that may write")
    namespaces = _namespaces(account)
    namespace = repo.split("/")[0]
    if role == "write" and namespace not in namespaces:
        raise StageError(
            f"{repo}: {name} has no right to the namespace {namespace!r}; push to one of {', '.join(namespaces)}"
        )


def _namespaces(account: dict[str, Any]) -> list[str]:
    return [account["name"], *(organization["name"] for organization in account.get("orgs", []))]
