"""Between a handler and the recommender: which one, and how its answer leaves."""

from typing import Any

import msgspec

from serving.call import Call
from serving.recommender import Recommender
from serving.refusal import AnyRequest
from serving.reply import FOR_A_MOMENT, ONLY_ONCE, Header, Reply

encode = msgspec.json.Encoder().encode


def recommender_of(request: AnyRequest) -> Recommender:
    """The one of this worker."""
    found: Recommender = request.app.state.recommender
    return found


def posted(call: Call, answer: Any) -> Reply:
    """The answer to a POST."""
    return Reply(encode(answer), *_facts(call), ONLY_ONCE)


def gotten(call: Call, answer: Any) -> Reply:
    """The answer to a GET, which the browser that asked may show again for a moment."""
    return Reply(encode(answer), *_facts(call), FOR_A_MOMENT)


def _facts(call: Call) -> tuple[Header, Header]:
    timings = ", ".join([f"{name};dur={ms}" for name, ms in call.timings.items()])
    return (b"x-recsys-generation", b"%d" % call.generation), (b"server-timing", timings.encode())
