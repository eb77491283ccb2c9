"""Events as other systems spell them, in our words: camelCase, and what a video service says.

| they say | we say |
|---|---|
| eventId, userId, anonymousId, sessionId, orderId, amountMinor | the same with underscores |
| productId, itemId, videoId | item_id |
| occurredAt | ts |
| a number for a time | seconds, or milliseconds where it is too large for that |
| a number for an id | the same digits |
| type, or event: cart | add |
| VideoWatched, watchedSeconds, durationSeconds | view, with the watched fraction as value |
| VideoRated, rating | custom, with the rating as value |

An event without an id gets a digest of all that it says, so that the same one sent again counts once.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

OUR_NAMES = {
    "eventId": "event_id",
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "sessionId": "session_id",
    "orderId": "order_id",
    "amountMinor": "amount_minor",
    "productId": "item_id",
    "itemId": "item_id",
    "videoId": "item_id",
    "occurredAt": "ts",
    "event": "type",
    "rating": "value",
}
OUR_TYPES = {"cart": "add", "VideoWatched": "view", "VideoRated": "custom"}
IDS = ("event_id", "user_id", "anonymous_id", "session_id", "item_id", "order_id")
_MILLISECONDS = 100_000_000_000  # a number of seconds beyond the year 5000 is one of milliseconds
_DIGEST = msgspec.json.Encoder(order="deterministic")


class Translated(NamedTuple):
    """An event in our words; ``spelled`` is how the sender wrote each of them."""

    fields: Any
    spelled: Mapping[str, str]


def translated(sent: Any) -> Translated:
    """The event in our words. What is no object, or has a word of ours twice, stays as it is, to be rejected."""
    return _in_our_words(sent) if isinstance(sent, dict) else Translated(sent, {})


def _in_our_words(sent: dict[str, Any]) -> Translated:
    spelled = {OUR_NAMES.get(name, name): name for name in sent}
    if len(spelled) < len(sent):
        return Translated(sent, {})
    fields = {OUR_NAMES.get(name, name): value for name, value in sent.items()}
    watched, duration = fields.pop("watchedSeconds", None), fields.pop("durationSeconds", None)
    if _is_number(watched) and _is_number(duration) and duration > 0 and "value" not in fields:
        fields["value"], spelled["value"] = min(watched / duration, 1.0), "watchedSeconds"
    fields |= {name: str(fields[name]) for name in IDS if _is_whole(fields.get(name))}
    if isinstance(fields.get("type"), str):
        fields["type"] = OUR_TYPES.get(fields["type"], fields["type"])
    if _is_number(fields.get("ts")):
        fields["ts"] = _time(fields["ts"])
    fields.setdefault("event_id", f"sha256-{hashlib.sha256(_DIGEST.encode(sent)).hexdigest()}")
    return Translated(fields, spelled)


def _time(number: float) -> Any:
    """A time as text, or the number itself where no calendar reaches."""
    seconds = number / 1000 if number >= _MILLISECONDS else number
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return number


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
