"""The valley: a small generated world whose every sentence has a known probability. `data/README.md` shows it."""
