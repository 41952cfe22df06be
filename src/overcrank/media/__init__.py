"""Clips as files: what is in them."""
