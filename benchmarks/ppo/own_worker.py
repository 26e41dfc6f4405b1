"""One training by our trainer, told as `job` says. Run by `turns` in the project's environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator

from benchmarks.ppo import task
from benchmarks.ppo.job import Job, Report, read_job
from benchmarks.ppo.peak import peak_flops, update_flops
from pipeline.models.scoring import RewardScorer
from pipeline.stages.ppo.batches import Batch
from pipeline.stages.ppo.config import Config
from pipeline.stages.ppo.costs import MICRO_BATCH_TOKENS
from pipeline.stages.ppo.networks import Critic, Policy
from pipeline.stages.ppo.prompts import Prompt
from pipeline.stages.ppo.rollout import Sampler
from pipeline.stages.ppo.scoring import Responses, score_by_ids
from pipeline.stages.ppo.trainer import Environment, Trainer


def main() -> None:
    job = read_job()
    report = Report(job)
    torch.set_num_threads(1)
    trainer = make_trainer(job, report)
    needed = watch_update(trainer, report)
    for _ in range(job.updates):
        report.start()
        figures = trainer.step()
        report.stop()
        report.write(
            {name: figures[name] for name in ("score", "kl", "response_length", "explained_variance", "clip_fraction")}
            | {"update": figures["step"], "optimizer_steps": trainer.updater.steps_per_update}
            | {"update_flops": needed[-1], "peak_flops": peak_flops() if job.stepwise else None}
            | {"copies": copies(trainer)}
        )


def config_of(job: Job) -> Config:
    """The task's settings in our words; what is not the task's stays at our defaults, but for the annealing."""
    shared = task.SHARED
    settings: dict[str, Any] = {
        "policy": "policy", "reward": "reward", "steps": job.updates, "global_batch_size": task.BATCH,
        "kl_coefficient": shared["kl"], "learning_rate": shared["learning_rate"],
        "critic_learning_rate": shared["learning_rate"],
        "sampling": {"max_new_tokens": task.ANSWER_LENGTH, "temperature": shared["temperature"]},
        "scores": {"missing_end_penalty": 0.0},
        "update": {
            "epochs": task.EPOCHS, "minibatches": 1, "clip_range": shared["clip"],
            "value_clip_range": shared["value_clip"], "gae_lambda": shared["gae_lambda"],
        },
        "optimizer": {"schedule": "constant"},
    }  # fmt: skip
    for name, value in job.settings.items():
        *groups, last = name.split(".")
        place = settings
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return Config.model_validate(settings)


def make_trainer(job: Job, report: Report) -> Trainer:
    """Our trainer on the task's networks, its phases timed."""
    nets, config = task.networks(job.kind, job.cache), config_of(job)
    scorer = RewardScorer(nets.reward.eval(), task.tokenizer())
    score = score_by_ids(scorer, "reward") if job.reward == "model" else count_scores
    temperature = config.sampling.temperature
    sampler = Sampler(job.seed, [task.END], task.PAD, config.sampling.max_new_tokens, temperature)
    environment = Environment(
        [Prompt(tuple(ids)) for ids in task.prompts()],
        report.timing(score, "reward"),
        report.timing(sampler, "sampling"),  # type: ignore[arg-type]
    )
    return Trainer(
        config, Policy(nets.policy, temperature, task.PAD), Critic(nets.critic.base_model, nets.critic.score, task.PAD),
        environment, job.seed, Accelerator(cpu=True), MICRO_BATCH_TOKENS["cpu"],
    )  # fmt: skip


def watch_update(trainer: Trainer, report: Report) -> list[float]:
    """Time the optimizer's part of each update; the list that its needed FLOPs will be put into."""
    inner, needed = report.timing(trainer.updater.run, "update"), []
    sizes = task.llama_config()

    def run(batch: Batch, *arguments: Any) -> Any:
        lengths = zip(map(len, batch.prompts), batch.lengths(), strict=True)
        needed.append(trainer.config.update.epochs * update_flops(list(lengths), sizes))
        return inner(batch, *arguments)

    trainer.updater.run = run
    return needed


def copies(trainer: Trainer) -> dict[str, int]:
    """Bytes of weights and of optimizers' states."""
    parts = {"policy": trainer.policy, "reference": trainer.reference, "critic": trainer.critic}
    weights = {name: sum(weight.nbytes for weight in part.parameters()) for name, part in parts.items()}
    states = [learner.optimizer.state.values() for learner in (trainer.policy_learner, trainer.critic_learner)]
    tensors = (value for values in states for state in values for value in state.values())
    return weights | {"optimizers": sum(tensor.nbytes for tensor in tensors)}


def count_scores(prompts: Sequence[Prompt], responses: Responses) -> list[float]:
    """The reward `count`."""
    return [task.count_score(list(response)) for response in responses]


if __name__ == "__main__":
    main()
