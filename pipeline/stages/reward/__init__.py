"""Train a model that scores answers, on pairs of a better and a worse one."""
