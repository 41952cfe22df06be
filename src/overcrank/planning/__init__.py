"""What to ask for: the strength of the physics, and the cheapest clip that is good enough."""
