"""``POST /v1/events:batch``: what happened; ``POST /events`` is an alias that also takes one event, and other words."""

from typing import Any

import msgspec
from litestar import post
from litestar.params import JSONBody

from serving.answering import encode
from serving.call import Call
from serving.documented import SENT, answers
from serving.errors import Fault, InvalidRequest
from serving.events import Batch, EventLog
from serving.refusal import AnyRequest
from serving.reply import ONLY_ONCE, Reply
from serving.sent import MAX_BATCH_BYTES, MAX_EVENTS, EventBatch, Received
from serving.server import call_of
from serving.translated import Translated, translated

DECODER = msgspec.json.Decoder(EventBatch)
ALIAS_DECODER = msgspec.json.Decoder(Any)
ACCEPTED = 202
_OPT: dict[str, Any] = {"endpoint": "", "largest": MAX_BATCH_BYTES}  # no answer of a recommending endpoint
_ANY = {"anyOf": [{"$ref": "#/components/schemas/SentEvent"}, {}]}
_ALIAS_BODY = {
    "description": "One event, or a list of at most 1,000; also in camelCase, and `VideoWatched` and `VideoRated`.",
    "anyOf": [*_ANY["anyOf"], {"type": "array", "items": _ANY, "minItems": 1, "maxItems": MAX_EVENTS}],
}


@post(
    "/v1/events:batch",
    status_code=ACCEPTED,
    tags=["events"],
    responses=answers(Received, *SENT, status=ACCEPTED),
    opt={**_OPT, "body": DECODER},
    request_max_body_size=MAX_BATCH_BYTES,
)
async def events(request: AnyRequest, data: JSONBody[EventBatch]) -> Reply:
    """Store what happened. Events that are none are named, and the others stored; with none left it is an error."""
    return answered(request.app.state.events, call_of(request.scope), data)


@post(
    "/events",
    status_code=ACCEPTED,
    tags=["aliases"],
    responses=answers(Received, *SENT, status=ACCEPTED),
    opt={**_OPT, "body": ALIAS_DECODER, "alias_of": "/v1/events:batch", "takes": _ALIAS_BODY},
    request_max_body_size=MAX_BATCH_BYTES,
)
async def event(request: AnyRequest, data: JSONBody[Any]) -> Reply:
    """Store one event, or a list of them, in our words or in those of other systems."""
    return alias_answered(request.app.state.events, call_of(request.scope), data)


def answered(log: EventLog, call: Call, asked: EventBatch) -> Reply:
    """The reply to a batch that has the right form."""
    places = [f"/events/{index}" for index in range(len(asked.events))]
    return _stored(log, call, Batch([Translated(each, {}) for each in asked.events], places))


def alias_answered(log: EventLog, call: Call, sent: Any) -> Reply:
    """The reply to one event, or to a list."""
    if not isinstance(sent, list):
        return _stored(log, call, Batch([translated(sent)], [""]))
    if not 0 < len(sent) <= MAX_EVENTS:
        detail = f"there are {len(sent)} events; from 1 to {MAX_EVENTS} are taken at once"
        raise InvalidRequest(detail, [Fault(pointer="", code="range", detail=detail)])
    return _stored(log, call, Batch([translated(each) for each in sent], [f"/{index}" for index in range(len(sent))]))


def _stored(log: EventLog, call: Call, batch: Batch) -> Reply:
    return Reply(encode(log.receive(call, batch)), ONLY_ONCE, status=ACCEPTED)
