"""Evaluate: what each model of a chain can do, with standard errors, on the same documents, questions and prompts."""
