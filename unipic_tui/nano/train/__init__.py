"""Trains the embedded model: first the autoencoder, then everything else jointly on its latents."""
