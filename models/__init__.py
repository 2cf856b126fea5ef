"""Inference: registry of weights, conversion, encoder, classification, summaries."""
