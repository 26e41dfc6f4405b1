"""A stage of a package of its own: documents in small letters."""
