"""The processes: the Celery application, the life of a worker, its roles, its schedule and its health."""
