"""The accelerator of the loops that are our own, and what every accelerator must be under the launch's strategy."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from pipeline.core.errors import StageError
from pipeline.training.choices import Choices
from pipeline.training.parts import by_kind
from pipeline.training.processes import computes_on_cpu, forget_accelerator
from pipeline.training.strategy import strategy
from pipeline.training.tensor_parallel import cut_models
from pipeline.training.whole import is_sharded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from accelerate import Accelerator


def make_accelerator(choices: Choices) -> Accelerator:
    """An accelerator that accumulates nothing by itself, over the processes of this launch."""
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    forget_accelerator()  # what trained before in this process may have fixed another precision

    # torch renames the option; accelerate still passes it by its old name.
    warnings.filterwarnings("ignore", message=".*broadcast_buffers.*", category=FutureWarning)
    accelerator = Accelerator(
        cpu=computes_on_cpu(),
        mixed_precision="bf16" if choices.precision == "bf16" else "no",
        gradient_accumulation_steps=1,
        # Buffers never change, and copying them would need as many micro-batches on every process.
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
    )
    assert accelerator.num_processes == choices.world_size, accelerator.state
    require_strategy(accelerator)
    return accelerator


def require_strategy(accelerator: Any) -> None:
    """Accelerate took up the strategy that its config asks for; and computes under FSDP2 as under data parallelism.

    Its own policy would compute norms and add up gradients in bf16. Without it weights are gathered in fp32, and
    autocast says what is computed in bf16.

    Raises:
        StageError: if it fell back to another.
    """
    asked = strategy()
    kind = str(accelerator.distributed_type.value)
    taken = "fsdp2" if kind == "FSDP" and accelerator.is_fsdp2 else kind
    if kind == "DEEPSPEED":
        taken = f"zero{accelerator.state.deepspeed_plugin.zero_stage}"
    if taken != asked.name and (asked.name in ("fsdp2", "zero2", "zero3") or kind in ("FSDP", "DEEPSPEED")):
        raise StageError(f"the launch asks for {asked.name}, but accelerate took {taken}; see recipes/accelerate/")
    if asked.name == "tp" and not accelerator.parallelism_config.tp_enabled:
        raise StageError("the launch asks for tp, but accelerate took none; see recipes/accelerate/tp.yaml")
    if asked.name == "zero3":
        from transformers.integrations.deepspeed import unset_hf_deepspeed_config

        unset_hf_deepspeed_config()  # else it would cut every model that is opened beside the one that trains
    if asked.name == "fsdp2":
        from torch.distributed.fsdp import MixedPrecisionPolicy

        accelerator.state.fsdp_plugin.mixed_precision_policy = MixedPrecisionPolicy()


def require_sharded(model: nn.Module) -> None:
    """A model that trains holds only its part of the weights, if the strategy says so.

    Raises:
        StageError: if it holds them all.
    """
    asked = strategy()
    if asked.shards_weights != is_sharded(model):
        found = "no weights are sharded" if asked.shards_weights else "weights are sharded"
        raise StageError(f"the launch asks for {asked.name}, but {found}; see recipes/accelerate/")


def shard(module: nn.Module, accelerator: Any) -> nn.Module:
    """`module` made ready for training by its strategy.

    Its optimizers are made afterwards, from the parameters that it then has. The blocks of the models in it are sharded
    one by one, so that one is whole at a time.
    """
    if not strategy().shards_weights:
        return accelerator.prepare_model(module)
    if strategy().name == "tp":
        cut_models(module)
    torch.nn.Module.to(module, accelerator.device)
    if strategy().name == "fsdp2":
        from accelerate.utils import fsdp2_prepare_model

        # Found out for the module: accelerate would keep those of the first that it met.
        accelerator.state.fsdp_plugin.transformer_cls_names_to_wrap = sorted(blocks_of(module))
        module = fsdp2_prepare_model(accelerator, module)
    require_sharded(module)
    module.forward = in_its_precision(module.forward, accelerator)
    return module


def in_its_precision(forward: Callable[..., Any], accelerator: Any) -> Callable[..., Any]:
    """What accelerate makes of a whole model's forward pass, and not of a sharded one's."""
    bf16 = accelerator.mixed_precision == "bf16"

    def computed(*arguments: Any, **named: Any) -> Any:
        with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=bf16):
            return forward(*arguments, **named)

    return computed


def blocks_of(module: nn.Module) -> set[str]:
    """The names of the classes whose instances in `module` are its models' blocks."""
    named = {name for part in module.modules() for name in getattr(part, "_no_split_modules", None) or ()}
    return named & {type(part).__name__ for part in module.modules()}


def accumulating(accelerator: Any, network: nn.Module, last: bool) -> contextlib.AbstractContextManager[Any]:
    """Around all passes of an optimizer step but the `last`: gradients cross processes once.

    Where weights are sharded they cross at every pass: else each process would keep a whole gradient meanwhile.
    """
    return contextlib.nullcontext() if last or strategy().shards else accelerator.no_sync(network)


def share_of(accelerator: Accelerator) -> tuple[int, int]:
    """The part of every global batch that is this process's, and how many parts there are."""
    return strategy().share_of_data(accelerator.process_index, accelerator.num_processes)


def summed(accelerator: Accelerator, own: Tensor) -> Tensor:
    """The sum of every part's figures, given this process's; each part counts once."""
    if share_of(accelerator)[1] == 1:
        return own
    total = accelerator.reduce(own, reduction="sum")
    assert isinstance(total, Tensor)
    return total


def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale gradients down to a norm of `limit` over all processes; the norm before, the same on every process."""
    groups = by_kind(weights for weights in parameters if weights.grad is not None)
    norms = [_norm([weights.grad for weights in group if weights.grad is not None]) for group in groups]
    norm = norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms))
    for group in groups:
        torch.nn.utils.clip_grads_with_norm_(group, limit, norm)
    return norm


def _norm(gradients: list[Tensor]) -> Tensor:
    norm = torch.nn.utils.get_total_norm(gradients)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm
