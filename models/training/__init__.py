"""Trains the embedded models: generated data in, GGUF files out."""
