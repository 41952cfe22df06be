"""The sandbox: a simulated video vendor over real HTTP, on the other side of the wire.

It speaks the vendor's dialect, keeps a strict rate and a limit in flight, goes wrong as its fault plan says, bills by
its own meter and delivers real, physically true clips. It imports nothing else of this project.

    with Sandbox(rate=10, burst=15, faults={"submit": {"drop_after": 0.1}}) as sandbox:
        ...                          # talk to sandbox.url
        assert sandbox.meter()["double_paid"] == []
"""

from overcrank.sandbox.admin import SandboxAdmin
from overcrank.sandbox.config import SandboxConfig
from overcrank.sandbox.faults import KNOWN, FaultPlan
from overcrank.sandbox.process import Sandbox, SandboxProcess, serve

__all__ = ["KNOWN", "FaultPlan", "Sandbox", "SandboxAdmin", "SandboxConfig", "SandboxProcess", "serve"]
