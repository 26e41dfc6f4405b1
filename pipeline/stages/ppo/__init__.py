"""Raise a reward on the model's own answers while staying near where it started: proximal policy optimization."""
