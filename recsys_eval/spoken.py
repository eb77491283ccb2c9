"""How commands speak: one JSON document on standard output, and times that always have a zone."""

import sys
from datetime import UTC, datetime

import msgspec


def say(facts: object) -> int:
    """Write the facts as JSON in UTF-8, at once; the exit code of a command that has done what it was asked."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
    sys.stdout.buffer.flush()
    return 0


def aware(time: datetime) -> datetime:
    """The time, in UTC if it carries no offset."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
