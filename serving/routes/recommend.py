"""``POST /v1/recommend``: a ranked list."""

import msgspec
from litestar import post
from litestar.params import JSONBody

from serving.answering import posted, recommender_of
from serving.cleaning import clean_recommend
from serving.documented import POSTED, answers
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import RecommendRequest
from serving.responses import Recommendations
from serving.server import call_of


@post(
    "/v1/recommend",
    status_code=200,
    tags=["recommend"],
    responses=answers(Recommendations, *POSTED),
    opt={"endpoint": "recommend", "body": msgspec.json.Decoder(RecommendRequest)},
)
async def recommend(request: AnyRequest, data: JSONBody[RecommendRequest]) -> Reply:
    """Rank items for somebody on a surface."""
    call = call_of(request.scope)
    return posted(call, recommender_of(request).recommend(call, clean_recommend(data)))
