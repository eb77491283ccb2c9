"""One pull from a topic: batches per partition, landed when they are full, at the end, or before a partition is lost.

Memory holds at most two batches of messages, or ``BATCH_BYTES`` and what one fetch brings.
"""

import asyncio
import warnings
from collections.abc import Iterable, Sequence
from itertools import groupby

from data_contracts.source_specs import Kafka
from recsys_pipelines.sources.kafka_client import Bounds, Client
from recsys_pipelines.sources.kafka_landing import Counted, Range, TopicLanding
from recsys_pipelines.sources.kafka_messages import Message
from recsys_pipelines.sources.source import SourceError

BATCH_BYTES = 64 << 20
POLL_S = 0.2
JOIN_S = 60.0  # within which a broker must let us in
PROBE_S = 15.0  # within which a broker must answer; the client itself would ask for ever


class RetentionGap(UserWarning):
    """The broker deleted messages before they were read."""


class Reading:
    """The state of one pull. Its methods take turns: the client calls two of them while the loop runs."""

    def __init__(self, client: Client, kafka: Kafka, landing: TopicLanding, *, patience_s: float = PROBE_S) -> None:
        self._patience_s = patience_s
        self._client = client
        self._kafka = kafka
        self._landing = landing
        self._batches: dict[int, list[Message]] = {}
        self._bytes = 0
        self._next: dict[int, int] = {}  # of the partitions that are ours
        self._ends: dict[int, int] = {}  # where they ended when they became ours
        self._counted = [Counted()]
        self._begun = 0  # how often partitions became ours
        self._turn = asyncio.Lock()
        self._failure: Exception | None = None
        self._changed_at = 0.0

    async def run(self) -> Counted:
        """Read up to the end, or until nothing comes; what was landed in all. Raises ``SourceError``."""
        await asyncio.wait_for(self._client.start(self._assigned, self._revoked), JOIN_S)
        self._changed_at = _now_s()
        while not self._is_done():
            before = self._begun
            messages = await asyncio.wait_for(self._client.poll(POLL_S, self._kafka.batch_records), self._patience_s)
            async with self._turn:
                if before == self._begun:
                    await self._take(messages)
                else:  # these may be from where the group had committed
                    self._seek(each.partition for each in messages)
        async with self._turn:
            await self._land_all(self._batches)
            if any(offset < self._ends[partition] for partition, offset in self._next.items()):
                await asyncio.wait_for(
                    self._client.bounds(list(self._next)), self._patience_s
                )  # raises if nobody is there
        if self._failure is not None:
            raise self._failure
        return Counted(*map(sum, zip(*self._counted, strict=True)))

    def _is_done(self) -> bool:
        if self._failure is not None:
            return True
        if self._turn.locked():
            return False
        caught_up = bool(self._next) and all(self._next[each] >= end for each, end in self._ends.items())
        return caught_up or _now_s() - self._changed_at > self._kafka.idle_s

    async def _assigned(self, partitions: Sequence[int]) -> None:
        """Go on where the landing area ends."""
        async with self._turn:
            try:
                if partitions:
                    await self._begin(partitions)
            except Exception as error:  # noqa: BLE001 - the client logs and forgets what is raised here
                self._failure = error
            self._changed_at = _now_s()

    async def _revoked(self, partitions: Sequence[int]) -> None:
        """Land what was read of partitions with which somebody else goes on."""
        async with self._turn:
            try:
                await self._land_all(partitions)
            except Exception as error:  # noqa: BLE001 - the client logs and forgets what is raised here
                self._failure = error
            for each in partitions:
                self._next.pop(each, None)
                self._ends.pop(each, None)
            self._changed_at = _now_s()

    async def _begin(self, partitions: Sequence[int]) -> None:
        bounds = await asyncio.wait_for(self._client.bounds(partitions), self._patience_s)
        known = await asyncio.to_thread(self._landing.next)
        for each in partitions:
            start = known.get(each, bounds[each].first)
            if start > bounds[each].end:
                raise SourceError(self._shrunk(each, start, bounds[each]))
            self._next[each] = start
            await self._mourn(each, bounds[each])
            self._ends[each] = bounds[each].end
        self._begun += 1
        self._seek(partitions)

    def _seek(self, partitions: Iterable[int]) -> None:
        for each in self._next.keys() & set(partitions):
            self._client.seek(each, self._next[each])

    async def _take(self, messages: Sequence[Message]) -> None:
        """Put messages to their batches; one that was seen before, or of a partition that is not ours, is left out."""
        for partition, group in groupby(messages, key=lambda message: message.partition):
            due = [message for message in group if message.offset >= self._next.get(partition, message.offset + 1)]
            if not due:
                continue
            if due[0].offset > self._next[partition]:  # compacted, or deleted while we were reading
                bounds = await asyncio.wait_for(self._client.bounds([partition]), self._patience_s)
                await self._mourn(partition, bounds[partition])
            self._batches.setdefault(partition, []).extend(due)
            self._bytes += sum(len(message.value or b"") for message in due)
            self._next[partition] = due[-1].offset + 1
        if sum(map(len, self._batches.values())) >= self._kafka.batch_records or self._bytes >= BATCH_BYTES:
            await self._land_all([max(self._batches, key=lambda each: (len(self._batches[each]), -each))])
        if messages:
            self._changed_at = _now_s()  # after landing, which takes longer than some let us be idle

    async def _land_all(self, partitions: Sequence[int] | dict[int, list[Message]]) -> None:
        for partition in [each for each in partitions if each in self._batches]:
            batch = self._batches.pop(partition)
            self._bytes -= sum(len(message.value or b"") for message in batch)
            for at in range(0, len(batch), self._kafka.batch_records):
                part = batch[at : at + self._kafka.batch_records]
                self._counted.append(await asyncio.to_thread(self._landing.store, part))
            await asyncio.wait_for(self._client.commit(partition, batch[-1].offset + 1), self._patience_s)

    async def _mourn(self, partition: int, bounds: Bounds) -> None:
        """Say so if messages that are due are gone: aloud, and among the dead letters."""
        lost = Range(partition, self._next[partition], bounds.first - 1)
        if lost.first > lost.last:
            return
        reason = f"the broker deleted offsets {lost.first} to {lost.last} before they were read"
        warnings.warn(f"topic {self._kafka.topic!r}, partition {partition}: {reason}", RetentionGap, stacklevel=2)
        await self._land_all([partition])
        self._counted.append(self._landing.skip(lost, self._kafka.topic, reason))
        self._next[partition] = bounds.first

    def _shrunk(self, partition: int, start: int, bounds: Bounds) -> str:
        return (
            f"topic {self._kafka.topic!r}, partition {partition} ends at offset {bounds.end}, but {start} were landed: "
            "it was made anew, or is another cluster's. Give the source another `group` to read it from its beginning; "
            f"what was landed stays in {self._landing.landed.prefix}"
        )


def _now_s() -> float:
    return asyncio.get_running_loop().time()
