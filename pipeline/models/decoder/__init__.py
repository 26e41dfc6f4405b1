"""The decoder trained from scratch. Imports nothing of this project: the folder travels with its checkpoints."""

from .configuration import DecoderConfig
from .modeling import DecoderForCausalLM, DecoderForSequenceClassification, DecoderModel

__all__ = ["DecoderConfig", "DecoderForCausalLM", "DecoderForSequenceClassification", "DecoderModel"]
