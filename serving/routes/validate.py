"""``POST /v1/recommend/validate``: what the server makes of a request; pure computation, nothing is looked up."""

from collections.abc import Iterator

import msgspec
from litestar import post
from litestar.params import JSONBody
from msgspec import UNSET

from serving.answering import encode
from serving.cleaning import clean_recommend
from serving.documented import READ, answers
from serving.refusal import AnyRequest
from serving.reply import ONLY_ONCE, Reply
from serving.requests import RecommendRequest
from serving.responses import Notice, Validated, ValidatedMeta
from serving.server import call_of


@post(
    "/v1/recommend/validate",
    status_code=200,
    tags=["recommend"],
    responses=answers(Validated, *READ),
    opt={"body": msgspec.json.Decoder(RecommendRequest)},
)
async def validate(request: AnyRequest, data: JSONBody[RecommendRequest]) -> Reply:
    """Check a request without answering it."""
    cleaned = clean_recommend(data)
    meta = ValidatedMeta(request_id=call_of(request.scope).request_id)
    return Reply(encode(Validated(normalized_request=cleaned, warnings=tuple(defaults(cleaned)), meta=meta)), ONLY_ONCE)


def defaults(request: RecommendRequest) -> Iterator[Notice]:
    """What the request leaves to the surface."""
    if request.k is UNSET:
        yield Notice(code="DEFAULT_APPLIED", pointer="/k", detail="the surface's own number of items")
    if request.strategy is None:
        yield Notice(code="DEFAULT_APPLIED", pointer="/strategy", detail="personalized")
    if request.segment == "default":
        yield Notice(code="DEFAULT_APPLIED", pointer="/segment", detail="the list for everybody")
