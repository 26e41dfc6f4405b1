"""Publish: a folder laid out as a Hub repository, with a model card that says where the model comes from."""
