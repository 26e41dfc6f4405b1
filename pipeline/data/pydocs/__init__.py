"""Text that lies on every machine with Python: the docstrings of the standard library, read from its source files."""
