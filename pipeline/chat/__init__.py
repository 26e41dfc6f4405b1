"""Talk to a model in the terminal: what to open, what it answers, and how that is shown."""
