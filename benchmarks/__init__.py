"""Measured comparisons, run by hand; never timed tests."""
