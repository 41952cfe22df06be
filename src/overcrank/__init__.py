"""Overcrank: the queue between your code and a paid, rate-limited video model.

```python
from overcrank import Client

job = Client().submit({"prompt": "a ball bounces", "duration": 5, "fps": 120}, priority="urgent")
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .client import Client
    from .clip import Clip, Mode, Priority
    from .job import Job
    from .lifecycle import State
    from .settings import Settings, load

__version__ = "0.1.0"

__all__ = ["Client", "Clip", "Job", "Mode", "Priority", "Settings", "State", "load"]

_HOME = {
    "Client": "client",
    "Clip": "clip",
    "Mode": "clip",
    "Priority": "clip",
    "Job": "job",
    "State": "lifecycle",
    "Settings": "settings",
    "load": "settings",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: the command line starts without Celery."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
