"""The decoder and its pretraining, against the models and tools that people know."""
