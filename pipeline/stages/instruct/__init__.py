"""Tune a model on a mixture of conversations, so that it follows instructions of many kinds."""
