"""Who may call the provider, when, and for how much money."""
