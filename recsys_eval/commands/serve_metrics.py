"""``recsys-eval serve-metrics``: how fast a running server answers, and how often it fails."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recsys_eval.errors import InvalidFrame, UnreadableFile
from recsys_eval.served import Plan, measure
from recsys_eval.spoken import say

Several = Parameter(negative="")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Load:
    """How hard to ask, and for how long."""

    concurrency: int = 8
    "Callers who each wait for their answer before they ask again."
    duration_s: float = 10.0
    "How long to measure."
    warm_up: int = 50
    "Requests before that, which are not counted."
    timeout_s: float = 5.0
    "An answer that takes longer is an error."


def serve_metrics(
    url: str,
    *,
    requests: Path,
    header: Annotated[tuple[str, ...], Several] = (),
    load: Load | None = None,
) -> int:
    """Latency and throughput of a running server as metrics: percentiles with intervals, and errors by kind.

    `recsys-eval serve-metrics http://127.0.0.1:8000/v1/recommend --requests requests.jsonl --header "x-org-id: demo"`

    The JSON can be handed to `recsys-eval gate --latency`, where the gate's `maximum_latency_ms` holds it to a limit.

    Parameters
    ----------
    url
        Where to send each request, with POST.
    requests
        The bodies, one JSON document per line; they are sent in turn, again and again.
    header
        A header of every request, as `name: value`. May be repeated.
    """
    load = load or Load()
    if load.concurrency < 1 or load.duration_s <= 0 or load.warm_up < 0:
        raise InvalidFrame("there must be at least one caller, more than no time, and no negative warm-up")
    plan = Plan(
        url=url,
        bodies=_bodies(requests),
        headers=[_header(line) for line in header],
        concurrency=load.concurrency,
        duration_s=load.duration_s,
        warm_up=load.warm_up,
        timeout_s=load.timeout_s,
    )
    return say(measure(plan))


def _bodies(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from error
    bodies = [line for line in lines if line.strip()]
    if not bodies:
        raise UnreadableFile(f"{path} holds no request; write one JSON document per line")
    return bodies


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip() or not line.isascii():
        raise InvalidFrame(f"--header {line!r} is no header; write it as 'name: value', in ASCII")
    return name.strip(), value.strip()
