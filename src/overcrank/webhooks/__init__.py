"""Webhooks in: the provider says that a generation has ended, so somebody looks at once; a hint, never the truth."""
