"""Starts a program so that it dies with its parent. Run by path, without the package: it has to be quick.

    python -I -S tether.py PARENT_PID COMMAND ...

On Linux the kernel sends SIGKILL to the program when the thread that started it ends, however it ends; that outlives
the `exec`. Elsewhere there is no such thing: a supervisor that is killed outright leaves its children running there.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent and become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it was gone before the kernel knew
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the command is our own)


if __name__ == "__main__":
    main()
