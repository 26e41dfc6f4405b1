"""Models: the decoder, opening and saving checkpoints, sampling, log-probabilities and reward scores."""
