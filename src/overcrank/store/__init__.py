"""What is kept in Redis, and under which names."""
