"""Our PPO against the trainer of trl 1.12, the last release that had one: cost, outcome, use of the processor, memory.

`python -m benchmarks.ppo --help` says how to run it. Both sides do the same task (`task`), each in a process of its own
(`own_worker`, `trl_worker`); `turns` lets them take turns, one update each, so that what else the machine does falls on
both. All figures are CPU seconds of the worker's process, on one thread.
"""
