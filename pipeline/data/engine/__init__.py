"""Work cut into tasks, done by datatrove: here on all cores, on a Ray cluster or on Slurm.

A task is a function of its rank alone, so that what is made does not depend on the engine nor on how many work at once.
Each leaves a mark when it has ended; whoever is started again goes on with those that have none.
"""

from pipeline.data.engine.tasks import Task, run_tasks, whole_folder

__all__ = ["Task", "run_tasks", "whole_folder"]
