"""``POST /v1/similar``: items that go with one or several others."""

import msgspec
from litestar import post
from litestar.params import JSONBody

from serving.answering import posted, recommender_of
from serving.call import Call
from serving.cleaning import clean_similar
from serving.documented import POSTED, answers
from serving.recommender import Recommender
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import SimilarRequest
from serving.responses import Recommendations
from serving.server import call_of

DECODER = msgspec.json.Decoder(SimilarRequest)


@post(
    "/v1/similar",
    status_code=200,
    tags=["recommend"],
    responses=answers(Recommendations, *POSTED),
    opt={"endpoint": "similar", "body": DECODER},
)
async def similar(request: AnyRequest, data: JSONBody[SimilarRequest]) -> Reply:
    """Rank the items that go with one item or several."""
    return answered(recommender_of(request), call_of(request.scope), data)


def answered(recommender: Recommender, call: Call, asked: SimilarRequest) -> Reply:
    """The reply to a request that has the right form."""
    return posted(call, recommender.similar(call, clean_similar(asked)))
