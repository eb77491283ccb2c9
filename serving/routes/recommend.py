"""``POST /v1/recommend``: a ranked list."""

import msgspec
from litestar import post
from litestar.params import JSONBody

from serving.answering import posted, recommender_of
from serving.call import Call
from serving.cleaning import clean_recommend
from serving.documented import POSTED, answers
from serving.recommender import Recommender
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import RecommendRequest
from serving.responses import Recommendations
from serving.server import call_of

DECODER = msgspec.json.Decoder(RecommendRequest)


@post(
    "/v1/recommend",
    status_code=200,
    tags=["recommend"],
    responses=answers(Recommendations, *POSTED),
    opt={"endpoint": "recommend", "body": DECODER},
)
async def recommend(request: AnyRequest, data: JSONBody[RecommendRequest]) -> Reply:
    """Rank items for somebody on a surface."""
    return answered(recommender_of(request), call_of(request.scope), data)


def answered(recommender: Recommender, call: Call, asked: RecommendRequest) -> Reply:
    """The reply to a request that has the right form."""
    return posted(call, recommender.recommend(call, clean_recommend(asked)))
