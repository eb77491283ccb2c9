"""What was landed of a topic: batches of messages, the dead letters among them, and how far each partition was read.

The record of the landed files alone says how far; the offsets that the group committed follow it, for the tools that
watch the lag, and nothing is ever decided by them. Two consumers that both think a partition is theirs take turns at
the record: the second one lands only what the first one has not.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
from msgspec.structs import replace

from data_contracts.errors import BlobChanged, BlobCorrupt, BlobExists
from recsys_pipelines.sources.kafka_messages import DeadLetter, Message, line
from recsys_pipelines.sources.landed import Landed, LandedPart, Watermark

_ATTEMPTS = 20  # at the record, which the other members of the group move too
_NAME = re.compile(r"(\d{5,})-(\d{20})-(\d{20})\.jsonl")
_NOTHING = Watermark()


class Range(NamedTuple):
    """Offsets of a partition, both ends included."""

    partition: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """How the name of a file begins; names sort by partition, then by offset."""
        return f"{self.partition:05}-{self.first:020}-{self.last:020}"


class Counted(NamedTuple):
    """What batches became."""

    rows: int = 0
    files: int = 0
    dead_letters: int = 0


@dataclass(frozen=True)
class TopicLanding:
    """The landed files of one topic."""

    landed: Landed

    def next(self) -> dict[int, int]:
        """The offset to read next, of every partition that was ever read."""
        record, _ = self.landed.record()
        return {int(partition): int(offset) for partition, offset in (record or _NOTHING).read.items()}

    def store(self, messages: Sequence[Message]) -> Counted:
        """Land the messages of one partition, in order; those that were landed before are left out.

        May be repeated after a crash at any point, also with more messages: nothing is lost, nothing is there twice.
        Raises ``BlobChanged`` if the other members of the group never let us.
        """
        for attempt in range(_ATTEMPTS):
            record, tag = self.landed.record()
            due = _due(messages, record or _NOTHING)
            if not due:
                return Counted()
            counted, files = self._stored(due)
            try:
                self.landed.swap(_moved(record or _NOTHING, files, due[-1]), tag)
            except BlobChanged:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return counted
        raise AssertionError("unreachable")

    def skip(self, lost: Range, topic: str, reason: str) -> Counted:
        """Move on behind offsets that cannot be read any more, and keep the reason among the dead letters."""
        letter = DeadLetter(
            reason=reason, topic=topic, partition=lost.partition, offset=lost.first, timestamp=0, bytes=0, value=""
        )
        buried = self._bury(lost, [letter])
        record, tag = self.landed.record()
        passed = Message(topic, lost.partition, lost.last, 0, None, None)
        self.landed.swap(_moved(record or _NOTHING, (), passed), tag)
        return Counted(dead_letters=buried)

    def begin(self) -> None:
        """See that there is a record: a topic that was read and has nothing is not one that was never read."""
        record, tag = self.landed.record()
        if record is None:
            with suppress(BlobChanged):  # somebody else has begun
                self.landed.swap(_NOTHING, tag)

    @property
    def graveyard(self) -> str:
        """Where the dead letters are."""
        return f"dead/{self.landed.prefix.partition('/')[2]}"

    def _stored(self, due: Sequence[Message]) -> tuple[Counted, tuple[LandedPart, ...]]:
        """Files that do not count yet."""
        covered = Range(due[0].partition, due[0].offset, due[-1].offset)
        made = [line(message) for message in due]
        buried = self._bury(covered, [each for each in made if isinstance(each, DeadLetter)])
        lines = [each for each in made if isinstance(each, bytes)]
        files = (self._written(covered, lines),) if lines else ()
        return Counted(len(lines), len(files), buried), files

    def _written(self, covered: Range, lines: Sequence[bytes]) -> LandedPart:
        """Write once and read back."""
        body: bytes = pa.Codec("zstd").compress(b"".join(each + b"\n" for each in lines), asbytes=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "batch.jsonl.zst"
            path.write_bytes(body)
            part = self.landed.store(path, stem=covered.name, rows=len(lines))
        with self.landed.file(part.name) as stored:
            if hashlib.sha256(stored.read_bytes()).digest() != hashlib.sha256(body).digest():
                raise BlobCorrupt(f"{self.landed.prefix}{part.name} does not read as it was written")
        return part

    def _bury(self, covered: Range, letters: Sequence[DeadLetter]) -> int:
        """Keep dead letters, each once, also after a crash; how many are new."""
        known = list(self._buried(covered.partition)) if letters else []
        new = [letter for letter in letters if not any(range.first <= letter.offset <= range.last for range in known)]
        if new:
            body = b"".join(msgspec.json.encode(letter) + b"\n" for letter in new)
            with suppress(BlobExists):  # another member of the group was quicker
                self.landed.blobs.create(f"{self.graveyard}{covered.name}.jsonl", body)
        return len(new)

    def _buried(self, partition: int) -> Iterator[Range]:
        """The offsets whose dead letters, if there are any, have been kept."""
        for entry in self.landed.blobs.entries(f"{self.graveyard}{partition:05}-"):
            found = _NAME.fullmatch(entry.key.rpartition("/")[2])
            if found:
                yield Range(*map(int, found.groups()))


def _due(messages: Sequence[Message], record: Watermark) -> list[Message]:
    start = int(record.read.get(str(messages[0].partition), 0))
    return [message for message in messages if message.offset >= start]


def _moved(record: Watermark, files: tuple[LandedPart, ...], last: Message) -> Watermark:
    read = record.read | {str(last.partition): str(last.offset + 1)}
    return replace(
        record, files=(*record.files, *files), read=dict(sorted(read.items(), key=lambda each: int(each[0])))
    )
