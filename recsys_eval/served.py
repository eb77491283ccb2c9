"""How fast a running server answers: percentiles of its latency with intervals, throughput, and errors counted.

A closed loop: ``concurrency`` callers each wait for their answer before they ask again, after a warm-up that is not
counted. So throughput is what the server gives to that many callers, and latency is what one of them waits; a server
that stalls also stalls its callers, which an open loop (a fixed rate of requests) would show more harshly. The client's
own work, some tenths of a millisecond a request, is in the numbers.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import httpx
import numpy as np

from recsys_eval.errors import NothingToEvaluate
from recsys_eval.facts import Estimate, Served
from recsys_eval.metrics.hits import Vector
from recsys_eval.statistics import paired_interval

Clock = Callable[[], float]
Transport = httpx.AsyncBaseTransport
PERCENTILES = (50, 90, 95, 99)
WINDOWS = 10  # of time, between which throughput varies: its interval comes from them
OK = 200


class Plan(NamedTuple):
    """What to ask: bodies in turn, by how many callers, for how long, after how many that do not count.

    Stability: public
    """

    url: str
    bodies: Sequence[bytes]
    headers: Sequence[tuple[str, str]] = ()
    concurrency: int = 8
    duration_s: float = 10.0
    warm_up: int = 50
    timeout_s: float = 5.0


class Call(NamedTuple):
    """One request: when its answer was there, how long it took, and "200", another status or the name of a fault."""

    ended_s: float
    took_s: float
    outcome: str


def measure(
    plan: Plan, *, confidence: float = 0.95, clock: Clock = time.perf_counter, transport: Transport | None = None
) -> Served:
    """Load the server and say how it answered. Raises ``NothingToEvaluate`` if no answer was right.

    ``transport`` replaces the network, for tests.

    Stability: public
    """
    calls = asyncio.run(_loaded(plan, clock, transport))
    return summary(plan, calls, confidence)


def summary(plan: Plan, calls: Sequence[Call], confidence: float) -> Served:
    """The calls as numbers; the interval of a percentile holds whatever the distribution is.

    Stability: internal
    """
    right = [call for call in calls if call.outcome == str(OK)]
    errors = Counter(call.outcome for call in calls if call.outcome != str(OK))
    if not right:
        seen = ", ".join(f"{outcome} ({count})" for outcome, count in sorted(errors.items())) or "none at all"
        raise NothingToEvaluate(f"{plan.url} gave no right answer to {len(calls)} requests; it gave {seen}")
    took_ms = np.sort(np.array([call.took_s for call in right])) * 1_000
    return Served(
        url=plan.url,
        requests=len(calls),
        concurrency=plan.concurrency,
        duration_s=plan.duration_s,
        throughput_rps=throughput(np.array([call.ended_s for call in right]), plan.duration_s, confidence),
        latency_ms={f"p{share}": percentile(took_ms, share / 100, confidence) for share in PERCENTILES},
        errors=dict(sorted(errors.items())),
        error_rate=round(sum(errors.values()) / len(calls), 6),
        confidence=confidence,
    )


def percentile(ordered: Vector, share: float, confidence: float) -> Estimate:
    """The value below which ``share`` of the ``ordered`` values lie, with its interval from their ranks.

    How many of n values lie below the true percentile is binomial, so its place lies within z * sqrt(n p (1 - p)) of
    n p (Conover, 1999, Practical Nonparametric Statistics, 3.2). With too few values an end is the smallest or largest.

    >>> percentile(np.arange(1.0, 101.0), 0.5, 0.95)  # 50 -+ 1.96 * 5
    Estimate(value=50.5, low=40.0, high=61.0)

    Stability: internal
    """
    count = ordered.size
    half = NormalDist().inv_cdf((1 + confidence) / 2) * (count * share * (1 - share)) ** 0.5
    places = np.array([np.floor(count * share - half) - 1, np.ceil(count * share + half)])  # counted from 0
    low, high = ordered[np.clip(places, 0, count - 1).astype(int)].round(4)
    return Estimate(value=round(float(np.quantile(ordered, share)), 4), low=float(low), high=float(high))


def throughput(ended_s: Vector, duration_s: float, confidence: float) -> Estimate:
    """Right answers per second, and how it varies between ten equal parts of the time.

    >>> throughput(np.arange(0.05, 10, 0.1), 10.0, 0.95)
    Estimate(value=10.0, low=10.0, high=10.0)

    Stability: internal
    """
    counts, _ = np.histogram(ended_s, bins=WINDOWS, range=(0, duration_s))
    rates = counts / (duration_s / WINDOWS)
    low, high = paired_interval(rates, confidence)
    return Estimate(value=round(float(rates.mean()), 3), low=round(max(low, 0.0), 3), high=round(high, 3))


async def _loaded(plan: Plan, clock: Clock, transport: Transport | None) -> list[Call]:
    limits = httpx.Limits(max_connections=plan.concurrency, max_keepalive_connections=plan.concurrency)
    turns = itertools.cycle(plan.bodies)
    async with httpx.AsyncClient(
        transport=transport, limits=limits, timeout=plan.timeout_s, headers=dict(plan.headers)
    ) as client:
        for body in itertools.islice(turns, plan.warm_up):
            await _call(client, plan.url, body, clock)
        begun = clock()
        rows = await asyncio.gather(*(_caller(client, plan, turns, clock) for _ in range(plan.concurrency)))
    return [call._replace(ended_s=call.ended_s - begun) for calls in rows for call in calls]


async def _caller(client: httpx.AsyncClient, plan: Plan, turns: Iterator[bytes], clock: Clock) -> list[Call]:
    calls: list[Call] = []
    end = clock() + plan.duration_s
    while clock() < end:
        calls.append(await _call(client, plan.url, next(turns), clock))
    return calls


async def _call(client: httpx.AsyncClient, url: str, body: bytes, clock: Clock) -> Call:
    begun = clock()
    try:
        answer = await client.post(url, content=body, headers={"content-type": "application/json"})
        outcome = str(answer.status_code)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        outcome = type(error).__name__
    ended = clock()
    return Call(ended, ended - begun, outcome)
