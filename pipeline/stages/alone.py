"""One stage by itself, without a recipe: `sft.run(sft.Config(model="./base", data="./chat.jsonl"), out="out/sft")`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.core.stage import Runtime, Stage, StageConfig
from pipeline.core.walk import StageResult


def alone(stage: Stage) -> Callable[..., StageResult]:
    """The function that runs `stage` by itself."""

    def run(
        config: StageConfig, out: str | Path, *, seed: int = 0, runtime: Runtime | None = None, **options: Any
    ) -> StageResult:
        """Run the stage into the folder `out` and return where the sealed artifact lies, its metrics and checks.

        An unchanged artifact is used as it is, an unfinished one is finished. Relative paths start at the working
        folder.

        Raises:
            PipelineError: for inputs that do not exist, or an `out` that was made otherwise.
        """
        from pipeline.core.alone import run_stage
        from pipeline.data.builtin import CATALOGUE
        from pipeline.launch import join_processes

        return run_stage(stage, config, Path(out), seed, runtime or Runtime(), CATALOGUE, join_processes(), **options)

    return run
