"""Typed rows and reading them, chat templates, packing, the token store, and the generated worlds."""
