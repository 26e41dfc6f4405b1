"""Whether several processes would really be several: accelerate falls back to one in silence."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.doctor.finding import Finding

_OURS = "`gristmill init accelerate/cpu2` gives one that works (ddp for GPUs); name it by `--config_file`"


def processes() -> Iterator[Finding]:
    """What the environment of this very process says of a launch."""
    world = os.environ.get("WORLD_SIZE", "1")
    if world == "1":
        found = "one; `accelerate launch --config_file … -m pipeline run RECIPE` starts several"
    else:
        found = f"this is process {os.environ.get('RANK', '?')} of {world}"
    yield Finding("processes", "ok", found)


def accelerate_config() -> Iterator[Finding]:
    """The config that `accelerate launch` takes when it is not told which."""
    file = config_file()
    if file is None:
        yield Finding("accelerate", "ok", f"no config of its own, so `accelerate launch` needs one: {_OURS}")
        return
    try:
        config = YAML(typ="safe").load(file.read_text(encoding="utf-8"))  # of JSON too, which is YAML
    except YAMLError:
        config = None
    if not isinstance(config, dict):
        yield Finding("accelerate", "warn", f"{file} is not a config", f"mend or remove it; {_OURS}")
        return
    fault = launch_fault(config)
    number, kind = config.get("num_processes", 1), config.get("distributed_type", "NO")
    found = f"{file} asks for {number} process{'es' * (number != 1)} ({kind})"
    if fault:
        yield Finding("accelerate", "warn", f"{found}: {fault}", _OURS)
    else:
        yield Finding("accelerate", "ok", found)


def config_file() -> Path | None:
    """Where accelerate keeps its default, if there is one."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    places = (Path(home).expanduser() / "accelerate" / f"default_config.{ending}" for ending in ("yaml", "json"))
    return next((place for place in places if place.is_file()), None)


def launch_fault(config: Mapping[str, Any]) -> str:
    """Why a launch by this config would not be the world that it asks for; empty if it would."""
    kind, number, cpu = config.get("distributed_type", "NO"), config.get("num_processes", 1), config.get("use_cpu")
    if kind == "MULTI_CPU" and number != 1:
        return "it starts one process all the same (MULTI_CPU leaves the others to MPI)"
    if kind == "NO" and number != 1:
        return "it starts one process all the same (distributed_type is NO)"
    if cpu and kind in ("FSDP", "DEEPSPEED"):
        return f"on CPU {kind} is ignored and every process holds the whole model"
    return ""
