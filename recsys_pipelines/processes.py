"""Which process this is, and whether another one is still there: so that what a dead one held is free at once.

A process is only ever called dead on its own machine, by its number and its start together; numbers are used again.
"""

import os
import socket
from pathlib import Path

import msgspec

_STARTED = 19  # the field of /proc/PID/stat, counted after the name, that says when a process was started


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process: ``machine`` differs between containers on one host, since their processes are numbered apart."""

    host: str
    machine: str
    pid: int
    started: str


def this_process() -> Process:
    """The one that asks."""
    return Process(host=socket.gethostname(), machine=_machine(), pid=os.getpid(), started=_started(os.getpid()))


def is_dead(process: Process) -> bool:
    """Whether it has certainly ended; False for a process of another machine, of which nothing can be known."""
    if process.machine != _machine():
        return False
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it lives, and is somebody else's
    return _started(process.pid) != process.started


def _machine() -> str:
    """The boot of the kernel and the space in which it numbers processes; where there is no /proc, the host's name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return socket.gethostname()


def _started(pid: int) -> str:
    """When the process was started, in the kernel's ticks; empty where that is not told, or while it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[_STARTED]
