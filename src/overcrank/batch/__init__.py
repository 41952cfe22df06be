"""Batches: any number of clips from a file or a pipe, results as they come, and a way to go on where it stopped."""
