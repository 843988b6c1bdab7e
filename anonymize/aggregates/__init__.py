"""Differential privacy: bounding per person → exact integers per cell → noise → post-processing."""
