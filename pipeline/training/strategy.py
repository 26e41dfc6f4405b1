"""How the processes of a launch divide the work, as its accelerate config says it. Imports no torch.

`accelerate launch` passes a config on by the environment, which is read here and nowhere else. Under `ddp` each process
holds the whole model; the others shard it.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.core.errors import RunError, StageError
from pipeline.core.stage import Processes

Name = Literal["ddp", "fsdp2", "zero2", "zero3", "tp"]
_OTHER_DIMENSIONS = ("DP_REPLICATE", "DP_SHARD", "CP", "SP")


@dataclass(frozen=True)
class Strategy:
    """One way to divide the work."""

    name: Name = "ddp"

    @property
    def shards(self) -> bool:
        """Whether no process holds all that training needs."""
        return self.name != "ddp"

    @property
    def shards_weights(self) -> bool:
        """Whether no process holds all weights."""
        return self.name in ("fsdp2", "zero3", "tp")

    @property
    def is_deepspeed(self) -> bool:
        """Whether DeepSpeed trains."""
        return self.name in ("zero2", "zero3")

    def share_of_data(self, rank: int, world_size: int) -> tuple[int, int]:
        """Which part of every global batch a process takes, of how many: (0, 1) where all compute the same rows."""
        return (0, 1) if self.name == "tp" else (rank, world_size)


def strategy() -> Strategy:
    """That of this launch."""
    return strategy_of(os.environ)


def strategy_of(environment: Mapping[str, str]) -> Strategy:
    """What `accelerate launch` has asked for.

    Raises:
        RunError: for what is not offered, or cannot be had here.
    """
    world_size = int(environment.get("WORLD_SIZE", "1"))
    name = _asked(environment, world_size)
    if name != "ddp" and world_size == 1:
        raise RunError(f"the launch has one process, which {name} cannot shard over: set num_processes to 2 or more, "
                       "or start without an accelerate config")  # fmt: skip
    if name in ("zero2", "zero3") and not has_deepspeed():
        raise RunError(f"{name} needs DeepSpeed, which is not installed: `pip install 'gristmill[deepspeed]'` brings "
                       "it; recipes/accelerate/fsdp2.yaml shards without")  # fmt: skip
    return Strategy(name)


def _asked(environment: Mapping[str, str], world_size: int) -> Name:
    if _is_true(environment, "ACCELERATE_USE_MEGATRON_LM"):
        raise RunError("the launch asks for Megatron-LM, which no stage trains by; see recipes/accelerate/")
    if _is_true(environment, "ACCELERATE_USE_FSDP"):
        version = environment.get("FSDP_VERSION", "1")
        if version != "2":
            raise RunError(f"fsdp_version: {version}: only 2 is offered; see recipes/accelerate/fsdp2.yaml")
        _require_sharded_files(environment)
        return "fsdp2"
    if _is_true(environment, "ACCELERATE_USE_DEEPSPEED"):
        stage = environment.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "unset")
        if stage not in ("2", "3"):
            raise RunError(
                f"zero_stage: {stage}: 2 and 3 are offered; see recipes/accelerate/zero2.yaml and zero3.yaml"
            )
        return "zero2" if stage == "2" else "zero3"
    if _is_true(environment, "ACCELERATE_USE_PARALLELISM_CONFIG"):
        return _tensor_parallel(environment, world_size)
    return "ddp"


def _require_sharded_files(environment: Mapping[str, str]) -> None:
    kind = environment.get("FSDP_STATE_DICT_TYPE", "SHARDED_STATE_DICT")
    if kind != "SHARDED_STATE_DICT":
        raise RunError(f"fsdp_state_dict_type: {kind}: checkpoints are SHARDED_STATE_DICT; what is sealed is whole "
                       "either way")  # fmt: skip
    for name in ("cpu_ram_efficient_loading", "offload_params"):
        if _is_true(environment, f"FSDP_{name.upper()}"):
            raise RunError(f"fsdp_{name}: true: is not offered; write false")


def _tensor_parallel(environment: Mapping[str, str], world_size: int) -> Name:
    for dimension in _OTHER_DIMENSIONS:
        if environment.get(f"PARALLELISM_CONFIG_{dimension}_SIZE", "1") != "1":
            raise RunError(f"parallelism_config_{dimension.lower()}_size: only parallelism_config_tp_size is offered; "
                           "see recipes/accelerate/tp.yaml")  # fmt: skip
    size = environment.get("PARALLELISM_CONFIG_TP_SIZE", "1")
    if size != str(world_size):
        raise RunError(f"parallelism_config_tp_size: {size}: must be num_processes, which is {world_size}: tensor "
                       "parallelism is over all processes")  # fmt: skip
    return "tp" if world_size > 1 else "ddp"


def _is_true(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "false").lower() in ("true", "1")


def has_deepspeed() -> bool:
    """Whether DeepSpeed is installed."""
    return importlib.util.find_spec("deepspeed") is not None


_ZERO: tuple[Name, ...] = ("zero2", "zero3")
REFUSED: dict[tuple[Name, str], str] = {
    **{(name, "muon"): "is not offered: DeepSpeed lays matrices end to end, and Muon turns each by itself; adamw is"
       for name in _ZERO},
}  # fmt: skip
"""Why a kind of stage cannot train under a strategy."""


def require_offered(kind: str) -> None:
    """Stages of this kind train under the launch's strategy.

    Raises:
        StageError: with the reason why they do not.
    """
    name = strategy().name
    if (name, kind) in REFUSED:
        raise StageError(f"{kind} under {name} {REFUSED[name, kind]}; recipes/accelerate/fsdp2.yaml shards every stage")


def data_share(processes: Processes) -> tuple[int, int]:
    """The part of every global batch that is this process's, and how many parts there are."""
    return strategy().share_of_data(processes.rank, processes.world_size)
