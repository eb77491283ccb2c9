"""``POST /v1/similar``: items that go with one or several others."""

import msgspec
from litestar import post
from litestar.params import JSONBody

from serving.answering import posted, recommender_of
from serving.cleaning import clean_similar
from serving.documented import POSTED, answers
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import SimilarRequest
from serving.responses import Recommendations
from serving.server import call_of


@post(
    "/v1/similar",
    status_code=200,
    tags=["recommend"],
    responses=answers(Recommendations, *POSTED),
    opt={"endpoint": "similar", "body": msgspec.json.Decoder(SimilarRequest)},
)
async def similar(request: AnyRequest, data: JSONBody[SimilarRequest]) -> Reply:
    """Rank the items that go with one item or several."""
    call = call_of(request.scope)
    return posted(call, recommender_of(request).similar(call, clean_similar(data)))
