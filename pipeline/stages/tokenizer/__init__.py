"""A byte-level BPE tokenizer, trained on the text that the models will see."""
