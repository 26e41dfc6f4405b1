"""What the environment of a launch says of sharding: each strategy by its config, each mistake by one error."""

from __future__ import annotations

from typing import Any

import pytest
from accelerate import PartialState
from accelerate.utils import DistributedType
from ruamel.yaml import YAML

from pipeline.core.errors import RunError, StageError
from pipeline.core.stage import Runtime
from pipeline.stages.ppo.stage import require_own_networks
from pipeline.training import strategy as module
from pipeline.training.compilation import wants_compilation
from pipeline.training.processes import forget_accelerator
from pipeline.training.strategy import Strategy, strategy_of
from tests.chain import ROOT
from tests.learning.ppo_chain import settings

TWO = {"WORLD_SIZE": "2"}
FSDP2 = TWO | {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT"}
TP = TWO | {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_TP_SIZE": "2"}


def zero(stage: int) -> dict[str, str]:
    return TWO | {"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_DEEPSPEED_ZERO_STAGE": str(stage)}


def environment_of(name: str) -> dict[str, str]:
    """What accelerate itself makes of a shipped config, for two processes."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env

    file = ROOT / f"recipes/accelerate/{name}.yaml"
    arguments = ["--config_file", str(file), "--num_processes", "2", "script.py"]
    if name == "tp":
        size = YAML(typ="safe").load(file.read_text())["num_processes"]
        arguments[3] = str(size)
    args, _, _ = _validate_launch_command(launch_command_parser().parse_args(arguments))
    if args.use_deepspeed:
        args.deepspeed_fields_from_accelerate_config = ""  # what its launcher adds
        return prepare_deepspeed_cmd_env(args)[1] | TWO
    return prepare_multi_gpu_env(args) | {"WORLD_SIZE": arguments[3]}


@pytest.fixture
def deepspeed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "has_deepspeed", lambda: True)


@pytest.mark.parametrize("name", ["ddp", "fsdp2", "zero2", "zero3", "tp"])
def test_a_shipped_config_asks_for_its_strategy(name: str, deepspeed: None):
    assert strategy_of(environment_of(name)).name == name


def test_without_a_launch_every_process_holds_the_model():
    assert strategy_of({}) == Strategy("ddp") and not Strategy("ddp").shards


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (FSDP2 | {"FSDP_VERSION": "1"}, "fsdp_version: 1: only 2"),
        (FSDP2 | {"FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT"}, "fsdp_state_dict_type: FULL_STATE_DICT"),
        (FSDP2 | {"FSDP_CPU_RAM_EFFICIENT_LOADING": "true"}, "fsdp_cpu_ram_efficient_loading"),
        (FSDP2 | {"FSDP_OFFLOAD_PARAMS": "true"}, "fsdp_offload_params: true"),
        (FSDP2 | {"WORLD_SIZE": "1"}, "set num_processes to 2 or more"),
        (zero(1), "zero_stage: 1: 2 and 3 are offered"),
        (zero(2), r"zero2 needs DeepSpeed, which is not installed: `pip install"),
        (TP | {"PARALLELISM_CONFIG_TP_SIZE": "8"}, "parallelism_config_tp_size: 8: must be num_processes, which is 2"),
        (TP | {"PARALLELISM_CONFIG_CP_SIZE": "2"}, "parallelism_config_cp_size"),
        (TWO | {"ACCELERATE_USE_MEGATRON_LM": "true"}, "Megatron"),
    ],
)  # fmt: skip
def test_what_is_not_offered_is_refused_with_the_way_on(
    environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "has_deepspeed", lambda: False)
    with pytest.raises(RunError, match=said):
        strategy_of(environment)


def test_processes_that_share_a_model_by_tensors_compute_the_same_rows():
    assert [Strategy("tp").share_of_data(rank, 2) for rank in range(2)] == [(0, 1), (0, 1)]
    assert [Strategy("fsdp2").share_of_data(rank, 2) for rank in range(2)] == [(0, 2), (1, 2)]


def test_an_accelerator_leaves_no_strategy_behind(monkeypatch: pytest.MonkeyPatch):
    """Accelerate writes FSDP into the state that outlives it, and makes the next accelerator without FSDP's plugin."""
    monkeypatch.setitem(PartialState._shared_state, "distributed_type", DistributedType.FSDP)
    forget_accelerator()
    assert PartialState._shared_state["distributed_type"] == DistributedType.MULTI_GPU


def test_a_sharded_model_is_not_compiled(monkeypatch: pytest.MonkeyPatch):
    for name, value in FSDP2.items():
        monkeypatch.setenv(name, value)
    assert wants_compilation(Runtime(), 1e6) == (False, "")
    with pytest.raises(StageError, match=r"runtime\.compile: true: under fsdp2"):
        wants_compilation(Runtime(compile=True), 1e6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lora": {"rank": 4}}, r"ppo\.lora: .* zero2 cannot"),
        ({"update": {"max_approx_kl": 0.1}}, "max_approx_kl: zero2"),
    ],
)
def test_ppo_says_what_it_cannot_shard(
    changed: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch, deepspeed: None
):
    for key, value in zero(2).items():
        monkeypatch.setenv(key, value)
    with pytest.raises(StageError, match=said):
        require_own_networks(settings(**changed))
