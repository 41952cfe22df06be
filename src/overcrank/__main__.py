"""`python -m overcrank` is `overcrank`."""

from .cli import main

main()
