"""The Celery face of each stage. What is decided is decided in the library; here outcomes become Celery calls."""
