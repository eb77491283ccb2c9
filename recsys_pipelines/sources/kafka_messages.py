"""A Kafka message as a line of a landed file, or as a dead letter that says why it cannot be one.

A landed line is the message's JSON object as it came, with one key more: ``__kafka`` (key, partition, offset,
timestamp in milliseconds), so that a mapping may use ``__kafka.offset`` like any column. A message of our own with that
key loses it.
"""

import base64
from typing import Any, NamedTuple

import msgspec

POSITION = "__kafka"
MAX_MESSAGE_BYTES = 1 << 20  # the default limit of brokers; more than that is no event
_KEPT_BYTES = 4096  # of a message that cannot be used; enough to see what it is


class Message(NamedTuple):
    """One message, where it stood, and when it was made (milliseconds since 1970)."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that cannot be used: the reason, where it stood, and its first bytes in base64."""

    reason: str
    topic: str
    partition: int
    offset: int
    timestamp: int
    bytes: int
    value: str


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What a mapping may use of a message beside its own keys."""

    key: str | None
    partition: int
    offset: int
    timestamp: int


def line(message: Message) -> bytes | DeadLetter:
    """The landed line, without a line break, or why there is none."""
    value = message.value or b""
    reason = fault(value)
    if reason is not None:
        return dead_letter(message, reason)
    plain = value.replace(b"\n", b" ").replace(b"\r", b" ")  # between tokens only: inside a text they are escaped
    fields: dict[str, Any] = msgspec.json.decode(plain, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**fields, POSITION: position(message)})


def fault(value: bytes) -> str | None:
    """Why the bytes are no JSON object, or None if they are one.

    >>> fault(b'{"item": 1}'), fault(b"[1]")
    (None, 'not a JSON object but a list')
    """
    if not value:
        return "empty (a tombstone)"
    if len(value) > MAX_MESSAGE_BYTES:
        return f"too large: more than {MAX_MESSAGE_BYTES} bytes"
    try:
        decoded = msgspec.json.decode(value.decode())
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{value[error.start]:02x} at {error.start}"
    except (msgspec.DecodeError, RecursionError) as error:  # numbers that no double can hold are an error too
        return f"not JSON: {error}"
    return None if isinstance(decoded, dict) else f"not a JSON object but a {type(decoded).__name__}"


def dead_letter(message: Message, reason: str) -> DeadLetter:
    """What is kept of a message that cannot be used."""
    value = message.value or b""
    return DeadLetter(
        reason=reason,
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        timestamp=message.timestamp,
        bytes=len(value),
        value=base64.b64encode(value[:_KEPT_BYTES]).decode(),
    )


def position(message: Message) -> Position:
    """Where the message stood; of a key that is no text, the bytes that are none are spelled out."""
    key = None if message.key is None else message.key.decode(errors="backslashreplace")
    return Position(key=key, partition=message.partition, offset=message.offset, timestamp=message.timestamp)
