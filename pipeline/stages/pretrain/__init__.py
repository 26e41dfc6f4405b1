"""Pretrain a decoder from scratch on a corpus."""
