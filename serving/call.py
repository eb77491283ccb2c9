"""One request on its way: what is learned about it while it is answered, read once when the answer is out."""

from dataclasses import dataclass, field

from serving.identity import Headers


@dataclass(slots=True)
class Call:
    """``started`` is of ``time.perf_counter``, ``ended`` of ``time.time``, ``seconds`` what lies between.

    ``timings`` are in milliseconds; ``endpoint`` is its name in metrics; ``recorded``: its exposure was written;
    ``accepted``: how many of the events that it sent are stored.
    """

    request_id: str
    started: float
    headers: Headers = ()
    status: int = 0
    ended: float = 0.0
    seconds: float = 0.0
    endpoint: str = ""
    known_path: bool = False
    recorded: bool = False
    tenant: str = ""
    surface: str = ""
    generation: int = 0
    returned: int = 0
    accepted: int = 0
    fallback_level: int = 0
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
