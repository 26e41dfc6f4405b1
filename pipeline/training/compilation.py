"""Whether a training compiles its model (`torch.compile`): decided once, tried before the first step, then kept.

Compiled arithmetic rounds otherwise than eager arithmetic, so that the decision stands in `resume.json` too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace

import torch

from pipeline.core.artifact import write_json
from pipeline.core.errors import StageError
from pipeline.core.stage import Runtime, StageContext
from pipeline.training.choices import FILE, Choices
from pipeline.training.strategy import strategy

_PAYS_FROM = 300.0
"""Seconds of eager training: compiling takes half a minute where nothing is cached, and saves about a quarter."""


def settle_compilation(
    choices: Choices, context: StageContext, seconds: float, compile_and_try: Callable[[], None]
) -> Choices:
    """`choices` with `compiled` decided, the same on every process, and written to `resume.json`.

    `seconds` is what the training would take without. `compile_and_try` compiles and takes a step's passes for nothing;
    what it raises is told once, and training goes on uncompiled.
    """
    wanted, reason = choices.compiled, ""
    if wanted is None:
        # Asked by every process, so that a refusal ends all of them; rank 0 decides.
        wanted, reason = context.processes.broadcast(wants_compilation(context.runtime, seconds))
    if reason:
        context.progress.note(reason)
    failure = _failure(compile_and_try) if wanted else ""
    failure = next(filter(None, context.processes.gather(failure)), "")
    if failure:
        context.progress.note(f"goes on uncompiled: {failure}")
    settled = replace(choices, compiled=wanted and not failure)
    if choices.compiled and failure:
        settled = replace(settled, inexact=choices.inexact or f"resumed where compiling fails: {failure}")
    if context.processes.is_main:
        write_json(context.work / FILE, asdict(settled))
    return settled


def wants_compilation(runtime: Runtime, seconds: float) -> tuple[bool, str]:
    """Whether to compile a training of so many seconds, and what to say of it.

    Raises:
        StageError: if compiling is asked for and weights are sharded.
    """
    if runtime.compile is False:
        return False, ""
    if strategy().shards:
        if runtime.compile is True:
            raise StageError(f"runtime.compile: true: under {strategy().name} models are not compiled; write auto or "
                             "false, or start by recipes/accelerate/ddp.yaml")  # fmt: skip
        return False, ""
    if runtime.compile == "auto" and seconds < _PAYS_FROM:
        return False, ""
    if not torch.cuda.is_available() and not has_compiler():
        return False, "goes on uncompiled: no C++ compiler on the path (g++ or clang++, or the one that CXX names)"
    return True, "compiles the model; the first time on a machine this takes about half a minute"


def has_compiler() -> bool:
    """Whether the C++ compiler is there that torch needs on a CPU."""
    named = os.environ.get("CXX")
    return any(shutil.which(name) for name in ([named] if named else ["g++", "clang++"]))


def _failure(compile_and_try: Callable[[], None]) -> str:
    """The first line of what went wrong, if something did; the generators are left as they were."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            compile_and_try()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # what dynamo, inductor and compilers raise
            return f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return ""
