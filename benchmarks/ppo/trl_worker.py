"""One training by `PPOTrainer` of trl 1.12, told as `job` says. Run by `turns` in the environment that has that trl.

The trainer has no hooks for its phases, so the functions that its module calls are replaced by themselves, timed. What
is left of an update's time is the backward passes, the optimizer, and figures.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import torch
import trl.experimental.ppo.ppo_trainer as module
from datasets import Dataset
from transformers import TrainerCallback
from trl.experimental.ppo import PPOConfig, PPOTrainer

from benchmarks.ppo import task
from benchmarks.ppo.job import Job, Report, read_job

ROLLOUT = ("sampling", "reference", "critic", "reward")
"""The phases before the optimizer's part."""


class Updates(TrainerCallback):
    """Begins and ends the report of each update."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.answers = torch.empty(0)
        self.steps = 0
        self.logs: dict[str, Any] = {}
        self.trainer: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self.report.start()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **named: Any) -> None:
        self.logs = dict(logs)

    def on_step_end(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        self.report.stop()
        phases = self.report.phases
        phases["update"] = self.report.cpu - sum(phases.get(phase, 0.0) for phase in ROLLOUT)
        self.report.write(
            {"score": self.logs["objective/scores"], "kl": self.logs["objective/kl"]}
            | {"response_length": self._mean_length(), "update": state.global_step, "optimizer_steps": self.steps}
            | {"copies": copies(self.trainer)}
        )
        self.steps = 0
        if state.global_step < args.num_total_batches:
            self.report.start()

    def _mean_length(self) -> float:
        ends = self.answers == task.END
        lengths = torch.where(ends.any(dim=1), ends.float().argmax(dim=1) + 1, self.answers.shape[1])
        return float(lengths.float().mean())


def main() -> None:
    job = read_job()
    report = Report(job)
    torch.set_num_threads(1)
    nets, updates = task.networks(job.kind, job.cache), Updates(report)
    time_phases(report, nets, updates)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(job, nets, updates, folder)
        count_steps(trainer.optimizer.optimizer, updates)
        updates.trainer = trainer
        trainer.train()


def time_phases(report: Report, nets: task.Networks, updates: Updates) -> None:
    """Replace what the trainer's module calls by the same, timed."""
    generate = report.timing(module.batch_generation, "sampling")

    def generation(*arguments: Any) -> Any:
        responses, logits = generate(*arguments)
        updates.answers = responses[:, task.PROMPT_LENGTH :]
        return responses, logits

    module.batch_generation = generation
    module.forward = report.timing(
        module.forward, lambda model, *rest: "reference" if model is nets.reference else "update: forward"
    )
    module.get_reward = report.timing(
        module.get_reward, lambda model, *rest: "critic" if model is nets.critic else "reward"
    )


def make_trainer(job: Job, nets: task.Networks, updates: Updates, folder: str) -> PPOTrainer:
    """trl's trainer on the task's networks. Its schedule is constant, as ours is here, unless the job says other."""
    shared = task.SHARED
    settings = {
        "num_ppo_epochs": task.EPOCHS, "temperature": shared["temperature"], "kl_coef": shared["kl"],
        "learning_rate": shared["learning_rate"], "lam": shared["gae_lambda"], "cliprange": shared["clip"],
        "cliprange_value": shared["value_clip"], "lr_scheduler_type": "constant",
    } | job.settings  # fmt: skip
    config = PPOConfig(
        output_dir=folder, per_device_train_batch_size=task.MICRO_BATCH, total_episodes=job.updates * task.BATCH,
        gradient_accumulation_steps=task.BATCH // task.MICRO_BATCH, response_length=task.ANSWER_LENGTH,
        stop_token="eos", num_sample_generations=0, logging_steps=1, save_strategy="no", eval_strategy="no",
        report_to=[], use_cpu=True, bf16=False, seed=job.seed, disable_tqdm=True, **settings,
    )  # fmt: skip
    rows = Dataset.from_dict({"input_ids": task.left_padded(task.prompts()).tolist()})
    return PPOTrainer(
        args=config, processing_class=task.tokenizer(), model=nets.policy, ref_model=nets.reference,
        reward_model=task.CountingModel() if job.reward == "count" else nets.reward, value_model=nets.critic,
        train_dataset=rows, eval_dataset=rows.select(range(8)), data_collator=collate, callbacks=[updates],
    )  # fmt: skip


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """The prompts, which are padded already."""
    return {"input_ids": torch.tensor([row["input_ids"] for row in rows])}


def count_steps(optimizer: Any, updates: Updates) -> None:
    """Have `updates` know of every step that is really taken."""
    inner = optimizer.step

    def step(*arguments: Any, **named: Any) -> Any:
        updates.steps += 1
        return inner(*arguments, **named)

    optimizer.step = step


def copies(trainer: PPOTrainer) -> dict[str, int]:
    """Bytes of weights and of the optimizer's state; its one optimizer has policy and critic."""
    parts = {
        "policy": trainer.policy_model, "reference": trainer.ref_model, "critic": trainer.value_model,
        "reward": trainer.reward_model,
    }  # fmt: skip
    weights = {name: sum(weight.nbytes for weight in part.parameters()) for name, part in parts.items()}
    states = trainer.optimizer.optimizer.state.values()
    return weights | {"optimizers": sum(value.nbytes for state in states for value in state.values())}


if __name__ == "__main__":
    sys.exit(main())
