"""Is there a way to the Hub and a right to push, before days are spent on what is to be pushed."""

from __future__ import annotations

from pipeline.core.text import say
from pipeline.stages.publish.config import Config


def ready(config: Config) -> None:
    """Ask for the token and what it may do; nothing to ask where nothing is pushed.

    Raises:
        StageError: offline, without a token, or with one that has no right to the namespace.
    """
    targets = [target for target in (config.hub, config.corpus_hub) if target is not None]
    if not targets:
        return
    from pipeline.hub.account import demand_access

    for target in targets:
        demand_access(target.repo, say)
