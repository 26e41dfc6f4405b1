"""Train a policy by PPO: open policy, reward and prompts, build critic and reference, update, save the policy."""

from __future__ import annotations

import time
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch

from pipeline.core.artifact import Artifact
from pipeline.core.errors import StageError
from pipeline.core.references import Resolved
from pipeline.core.stage import Inputs, Outcome, StageContext
from pipeline.data.adopting import open_model, tell
from pipeline.data.answers import require_end_token
from pipeline.data.comparison import SAMPLES, comparison_figures, write_samples
from pipeline.data.reading import read_prompts
from pipeline.models.headers import weight_count
from pipeline.models.loading import require_pad_token, save_model
from pipeline.models.sizes import DecoderSizes, sizes_of
from pipeline.stages.ppo.comparison import compare
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.costs import Company, tokens_per_pass, total_flops
from pipeline.stages.ppo.course import course_log
from pipeline.stages.ppo.networks import Critic, make_networks
from pipeline.stages.ppo.pretraining import Documents, read_text
from pipeline.stages.ppo.prompts import encode_prompts
from pipeline.stages.ppo.resuming import resume, write_checkpoint
from pipeline.stages.ppo.rollout import Sampler
from pipeline.stages.ppo.scoring import open_reward, open_truth
from pipeline.stages.ppo.trainer import Environment, Trainer
from pipeline.stages.ppo.watching import Watch
from pipeline.training.accelerator import make_accelerator
from pipeline.training.checkpoints import Cadence
from pipeline.training.choices import Choices, choose
from pipeline.training.course import CourseLog
from pipeline.training.memory import shape_of
from pipeline.training.metrics import WARNING, RowLog, read_rows
from pipeline.training.strategy import data_share, require_offered, strategy

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TokenizersBackend


def run(config: Config, inputs: Inputs, context: StageContext) -> Outcome:
    """Write the trained policy, `metrics.jsonl` and `samples.jsonl`."""
    require_offered("ppo")
    require_own_networks(config)
    require_shares(config, data_share(context.processes)[1])
    model, adopted = open_model(inputs.policy.path, torch.float32)
    changed, tokenizer = tell(adopted, config.lora, context), adopted.tokenizer
    trainer, choices = build(config, inputs, context, model, tokenizer)
    last = train(trainer, course_log(trainer, inputs, tokenizer, context), context)
    rows = compare(trainer, tokenizer, context.processes)
    metrics = {
        **{name: figure for name, figure in last.items() if name != "step"},
        **comparison_figures(rows),
        **changed,
        "steps": trainer.update,
        "precision": choices.precision,
    }
    if choices.inexact:
        metrics |= {"exact": False, "inexact_because": choices.inexact}
    reward_parameters = reward_weights(inputs.reward)
    metrics["flops"] = flops(trainer, reward_parameters)
    others = reward_parameters if trainer.environment.scorer is None else 0
    metrics["state_bytes"] = trainer.state_bytes() + 4 * others
    adapters = trainer.policy.adapters
    model = trainer.readers()[0].model if adapters is None else adapters.finished(inputs.policy.address, context)
    if context.processes.is_main:
        write_samples(context.output / SAMPLES, rows)
        save_model(model, tokenizer, context.output)
    return Outcome(metrics=metrics, headline=headline(metrics), runtime=choices.runtime)


def require_own_networks(config: Config) -> None:
    """Policy and critic can be sharded, each by itself.

    Raises:
        StageError: if adapters let them share one network, or DeepSpeed were to take back a pass.
    """
    name = strategy().name
    if config.lora is not None and strategy().shards:
        raise StageError(
            f"ppo.lora: with adapters policy, critic and reference share one network, which {name} cannot shard as "
            "two; leave lora out, or start by recipes/accelerate/ddp.yaml"
        )
    if config.update.max_approx_kl is not None and strategy().is_deepspeed:
        raise StageError(
            f"ppo.update.max_approx_kl: {name} cannot forget a gradient once it is computed; leave it out, or start by "
            "recipes/accelerate/fsdp2.yaml"
        )


def require_shares(config: Config, world_size: int) -> None:
    """The batch can be shared evenly among processes and minibatches.

    Raises:
        StageError: naming the nearest values that would do.
    """
    unit = world_size * config.update.minibatches
    below = config.global_batch_size // unit * unit
    if below != config.global_batch_size:
        nearest = " or ".join(str(size) for size in (below, below + unit) if size)
        raise StageError(
            f"ppo.global_batch_size: {config.global_batch_size} answers cannot be shared among {world_size} processes "
            f"with update.minibatches {config.update.minibatches}; {nearest} would do"
        )
    text = config.update.pretraining
    if text is not None and text.documents < world_size:
        # A process without any would be in another collective operation than the others.
        raise StageError(
            f"ppo.update.pretraining.documents: {text.documents} cannot be shared among {world_size} processes; write "
            f"{world_size} or more"
        )


def build(
    config: Config, inputs: Inputs, context: StageContext, model: PreTrainedModel, tokenizer: TokenizersBackend
) -> tuple[Trainer, Choices]:
    """The trainer of the policy `model` at its first update, and how it computes."""
    prompts = encode_prompts(
        read_prompts(inputs.prompts),
        tokenizer,
        inputs.prompts.address or str(inputs.prompts.path),
        model.config.max_position_embeddings,
        config.sampling.max_new_tokens,
    )
    lengths = [len(prompt.ids) for prompt in prompts]
    row_length = max(lengths) + config.sampling.max_new_tokens
    mean_length = round(fmean(lengths) + config.sampling.max_new_tokens / 2)  # what answers come to is not known yet
    score, scorer = open_reward(inputs.reward, tokenizer)
    pad_id = require_pad_token(tokenizer)
    policy, critic = make_networks(config, model, scorer, pad_id, context.seed)
    company = company_of(config, critic, reward_weights(inputs.reward))
    shape = shape_of(model, row_length, mean_length=mean_length, logits_per_row=config.sampling.max_new_tokens)
    choices = choose(context, shape, config.global_batch_size, company.step_bytes)
    accelerator = make_accelerator(choices)
    end_ids = [require_end_token(tokenizer)]
    sampler = Sampler(context.seed, end_ids, pad_id, config.sampling.max_new_tokens, config.sampling.temperature)
    truth, documents = open_truth(inputs.prompts, tokenizer), open_text(config, inputs, tokenizer, row_length)
    environment = Environment(prompts, score, sampler, truth, documents, scorer)
    automatic = context.runtime.micro_batch == "auto"
    micro_batch_tokens = tokens_per_pass(choices.micro_batch, row_length, choices.device, automatic)
    return Trainer(config, policy, critic, environment, context.seed, accelerator, micro_batch_tokens), choices


def open_text(config: Config, inputs: Inputs, tokenizer: TokenizersBackend, longest: int) -> Documents:
    """The documents of all optimizer steps, or as many of them as there are; none where no text is mixed in."""
    mix, update = config.update.pretraining, config.update
    if mix is None:
        return ()
    needed = config.steps * update.epochs * update.minibatches * mix.documents
    return read_text(inputs.update.pretraining.text, tokenizer, needed, longest)


def company_of(config: Config, critic: Critic, reward_parameters: int) -> Company:
    """The models beside the policy."""
    shared = config.critic.network == "shared"
    own = list(critic.head.parameters()) if shared else critic.trained()
    return Company(critic_sizes(critic), sum(weights.numel() for weights in own), reward_parameters, shared)


def critic_sizes(critic: Critic) -> DecoderSizes:
    """The critic's decoder, with one score for a head."""
    config: Any = critic.trunk.config
    return sizes_of(config.to_dict(), labels=1)


def reward_weights(source: Any) -> int:
    """Weights of all reward models among the rewards; judges and functions have none."""
    parts = [source] if isinstance(source, Artifact | Resolved) else [part.reward for part in source]
    return sum(weight_count(part.path) or 0 for part in parts if part.path is not None and part.path.is_dir())


def flops(trainer: Trainer, reward_parameters: int) -> float:
    """FLOPs of all updates, by the answers' mean length."""
    config, prompts = trainer.config, trainer.environment.prompts
    prompt_length = fmean(len(prompt.ids) for prompt in prompts)
    response_length = trainer.tokens / (trainer.update * config.global_batch_size)
    company = company_of(config, trainer.critic, reward_parameters)
    policy = sizes_of(trainer.policy.model.config.to_dict())
    return total_flops(policy, company, config, prompt_length, response_length)


def train(trainer: Trainer, course: CourseLog | None, context: StageContext) -> dict[str, Any]:
    """Take every update that is left, going on from the newest checkpoint; the figures of the last update."""
    figures = resume(trainer, context)
    if course is not None:
        course.begin(trainer.update)
    rows = RowLog(context)
    rows.begin(trainer.update)
    watch = Watch(read_rows(rows.path))
    cadence = Cadence(trainer.config.checkpoint_every, 1, trainer.bytes(), context.processes)
    started = time.monotonic()
    while trainer.update < trainer.config.steps:
        tokens, figures = trainer.tokens, trainer.step()
        seconds = {**trainer.phases.take(trainer.tokens - tokens), "seconds": round(time.monotonic() - started, 3)}
        faults = [] if context.smoke else watch.look(figures)  # at its size nothing is learned
        rows.append({**figures, **seconds, **({WARNING: "; ".join(faults)} if faults else {})})
        for fault in faults:
            context.progress.note(f"warning: update {trainer.update}: {fault}")
        shown = {name: figures[name] for name in ("true_score", "score", "kl", "response_length") if name in figures}
        context.progress.update(trainer.update, trainer.config.steps, unit="update", **shown)
        if course is not None:
            course.after(trainer.update)
        if cadence.due(trainer.update) or trainer.update == trainer.config.steps:
            write_checkpoint(trainer, figures, context)
    rows.end()
    return figures


def headline(metrics: dict[str, Any]) -> str:
    """What training gained and how far the policy went for it."""
    name = "true_score" if "true_score_gain" in metrics else "score"
    gain, error = metrics[f"{name}_gain"], metrics[f"{name}_gain_error"]
    return f"{name.replace('_', ' ')} {gain:+.2f} ± {error:.2f} at KL {metrics['kl']:.1f}"
