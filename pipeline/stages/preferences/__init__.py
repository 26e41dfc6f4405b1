"""Preferences: two answers of a policy to each prompt, and which of the two a judge prefers."""
