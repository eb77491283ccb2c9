"""`recsys serve`: start the server process; nothing of the pipeline is imported."""

import os
import sys


def serve(*, host: str = "127.0.0.1", port: int = 8000, workers: int = 1, allow_public: bool = False) -> None:
    """Serve what is published, and follow new generations and rollbacks without a restart.

    Access control comes with a later release: until then the server binds to loopback unless told otherwise.
    The tenant of a request is its `X-Org-Id` header; RECSYS_DEFAULT_TENANT names one for requests without it.

    Parameters
    ----------
    host
        Address to bind to.
    port
        Port to bind to.
    workers
        Worker processes; artifacts are memory-mapped and shared between them.
    allow_public
        Needed to bind to any other address than loopback.
    """
    arguments = ["--host", host, "--port", str(port), "--workers", str(workers)]
    if allow_public:
        arguments.append("--allow-public")
    os.execv(sys.executable, [sys.executable, "-m", "serving", *arguments])
