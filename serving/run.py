"""What the processes of one running server share: a folder for the counts of all workers, and the word to stop.

It lies under ``RECSYS_HOME/run`` and bears the id of the main process; those of dead servers are swept at the start.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True)
class RunFolder:
    """The shared folder of one server."""

    path: Path

    @classmethod
    def make(cls, home: Path, pid: int) -> "RunFolder":
        """A new folder for the server whose main process is ``pid``."""
        parent = home / "run"
        for old in parent.glob("*"):
            if not lives(old.name) or old.name == str(pid):
                shutil.rmtree(old, ignore_errors=True)
        folder = cls(parent / str(pid))
        folder.metrics.mkdir(parents=True)
        return folder

    @classmethod
    def of_worker(cls, environ: Mapping[str, str]) -> "RunFolder | None":
        """The folder of the server that a worker belongs to; None if it was started otherwise."""
        return cls(Path(environ[MULTIPROC]).parent) if environ.get(MULTIPROC) else None

    @property
    def metrics(self) -> Path:
        """Where prometheus_client keeps the counts of each process."""
        return self.path / "metrics"

    def drain(self) -> None:
        """Tell all workers that the server is about to stop."""
        (self.path / "draining").touch()

    def is_draining(self) -> bool:
        """Whether the server is about to stop."""
        return (self.path / "draining").exists()

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.path, ignore_errors=True)


def lives(pid: str) -> bool:
    """Whether a process of that id exists."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
