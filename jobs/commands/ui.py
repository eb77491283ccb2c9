"""`recsys ui`: Dagster's web UI and daemon on this installation."""

import os
import sys
from pathlib import Path


def ui(*, host: str = "127.0.0.1", port: int = 3000) -> None:
    """Open the graph, runs, checks and plots in a browser; schedules and sensors run while it is up.

    Parameters
    ----------
    host
        Address to bind to.
    port
        Port to bind to.
    """
    from jobs.instance import instance, register  # noqa: PLC0415  (Dagster: 2 s)
    from recsys_pipelines.tenants import tenants  # noqa: PLC0415
    from recsys_pipelines.workshop import Workshop  # noqa: PLC0415

    shop = Workshop(dict(os.environ))
    with instance(shop.locations) as opened:
        register(opened, tenants(shop.environ).known)
    dg = Path(sys.executable).with_name("dg")
    environ = os.environ | {"RECSYS_HOME": str(shop.locations.home), "DAGSTER_HOME": str(shop.locations.dagster)}
    workspace = ["-w", "workspace.yaml"] if Path("workspace.yaml").exists() else ["-m", "jobs.definitions"]
    os.execve(dg, [str(dg), "dev", *workspace, "--host", host, "--port", str(port)], environ)
