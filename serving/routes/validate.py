"""``POST /v1/recommend/validate``: what the server makes of a request; pure computation, nothing is looked up."""

from collections.abc import Iterator

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import UNSET

from serving.answering import encode, recommender_of
from serving.call import Call
from serving.cleaning import clean_recommend
from serving.documented import READ, answers
from serving.recommender import Recommender
from serving.refusal import AnyRequest
from serving.reply import ONLY_ONCE, Reply
from serving.requests import RecommendRequest
from serving.responses import Notice, Validated, ValidatedMeta
from serving.server import call_of

DECODER = msgspec.json.Decoder(RecommendRequest)


@post(
    "/v1/recommend/validate",
    status_code=200,
    tags=["recommend"],
    responses=answers(Validated, *READ),
    opt={"body": DECODER},
)
async def validate(request: AnyRequest, data: JSONBody[RecommendRequest]) -> Reply:
    """Check a request without answering it."""
    return answered(recommender_of(request), call_of(request.scope), data)


def answered(_: Recommender, call: Call, asked: RecommendRequest) -> Reply:
    """The reply to a request that has the right form; nothing is recommended."""
    cleaned = clean_recommend(asked)
    meta = ValidatedMeta(request_id=call.request_id)
    return Reply(encode(Validated(normalized_request=cleaned, warnings=tuple(defaults(cleaned)), meta=meta)), ONLY_ONCE)


def defaults(request: RecommendRequest) -> Iterator[Notice]:
    """What the request leaves to the surface."""
    if request.k is UNSET:
        yield Notice(code="DEFAULT_APPLIED", pointer="/k", detail="the surface's own number of items")
    if request.strategy is None:
        yield Notice(code="DEFAULT_APPLIED", pointer="/strategy", detail="personalized")
    if request.segment == "default":
        yield Notice(code="DEFAULT_APPLIED", pointer="/segment", detail="the list for everybody")
