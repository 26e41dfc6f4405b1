"""How a pipeline runs: recipes, stages, artifacts, runs. Knows nothing of machine learning and imports none of it."""
