"""``python -m serving``: start the server, as many workers as asked for, until SIGTERM."""

import argparse
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

from granian import Granian
from granian.constants import Interfaces

from data_contracts.errors import InvalidStore
from data_contracts.open import open_blobs
from data_contracts.signature import verify_keys
from serving.run import MULTIPROC, RunFolder
from serving.settings import InvalidSetting, Settings, is_loopback

USAGE_ERROR = 2
KILL_AFTER_S = 15  # a worker that has not ended by then is killed; its exposures are safe in the spool
HOW_TO_SERVE: dict[str, Any] = {"interface": Interfaces.ASGI, "factory": True, "websockets": False}
NO_ACCESS_CONTROL = "access control is not built yet: whoever reaches this server may ask it anything for any tenant"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    try:
        settings = Settings.from_environ(os.environ)
        chosen = _parser(settings).parse_args(arguments)
        _require_loopback(chosen.host, allow_public=chosen.allow_public)
        _require_usable(settings)
    except (InvalidSetting, InvalidStore) as error:
        _say(str(error))
        return USAGE_ERROR
    _say(f"on {chosen.host}:{chosen.port}; {NO_ACCESS_CONTROL}")
    run = RunFolder.make(settings.locations.home, os.getpid())
    # Workers inherit both. One thread of linear algebra per worker: more of them only get in each other's way.
    os.environ[MULTIPROC] = str(run.metrics)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _Draining(run, settings.drains_for_s, chosen).serve()
    finally:
        run.remove()
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"serving: {text}\n")


class _Draining(Granian):  # type: ignore[misc, valid-type]  # one of two classes, by how Python was built
    """Granian that says "not ready" for a while before it stops to listen; a second signal stops at once."""

    def __init__(self, run: RunFolder, drain_s: float, chosen: argparse.Namespace) -> None:
        super().__init__(
            "serving.app:worker",
            address=chosen.host,
            port=chosen.port,
            workers=chosen.workers,
            workers_kill_timeout=KILL_AFTER_S,
            respawn_failed_workers=True,
            **HOW_TO_SERVE,
        )
        self._run, self._drain_s = run, drain_s

    def signal_handler_interrupt(self, *_: Any, **__: Any) -> None:
        """Drain, then stop."""
        if self._drain_s <= 0 or self._run.is_draining():
            super().signal_handler_interrupt()
            return
        self._run.drain()
        timer = threading.Timer(self._drain_s, super().signal_handler_interrupt)
        timer.daemon = True  # so that a second signal need not wait for it
        timer.start()


def _require_loopback(host: str, *, allow_public: bool) -> None:
    if not allow_public and not is_loopback(host):
        raise InvalidSetting(
            f"{host} can be reached from other machines, and {NO_ACCESS_CONTROL}; --allow-public insists"
        )


def _require_usable(settings: Settings) -> None:
    """What every worker would stumble over is said once. Raises ``InvalidSetting``, ``InvalidStore``."""
    for url in (settings.locations.store, settings.locations.landing):
        open_blobs(url, os.environ)
    verify_keys(os.environ)
    _ = settings.required


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument("--host", default=settings.host, help="address to bind to (default %(default)s)")
    parser.add_argument("--port", type=int, default=settings.port, help="(default %(default)s)")
    parser.add_argument("--workers", type=int, default=settings.workers, help="processes (default %(default)s)")
    parser.add_argument(
        "--allow-public", action="store_true", default=settings.allow_public, help="bind to more than this machine"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
