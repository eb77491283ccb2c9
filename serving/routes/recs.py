"""``GET /recs/{user_id}``: an alias of ``POST /v1/recommend`` with the same body of answer."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from serving.answering import gotten, recommender_of
from serving.cleaning import clean_recommend
from serving.documented import GOTTEN, OptionalSurface, PathId, answers, refuse_unknown
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import MAX_K, RecommendRequest, User
from serving.responses import Recommendations
from serving.server import call_of

DEFAULT_LIMIT = 10


@get(
    "/recs/{user_id:str}",
    tags=["aliases"],
    responses=answers(Recommendations, *GOTTEN),
    opt={"endpoint": "recommend", "alias_of": "/v1/recommend"},
)
async def recs(  # noqa: PLR0917 - path and query, each by name
    request: AnyRequest,
    user_id: PathId,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_K)] = DEFAULT_LIMIT,
    strategy: Annotated[str | None, QueryParameter(name="type", max_length=64)] = None,
    surface: OptionalSurface = None,
) -> Reply:
    """Rank items for a user; ``type`` is a strategy. A user whom nobody knows gets a list for everybody."""
    refuse_unknown(request, "limit", "type", "surface")
    call, recommender = call_of(request.scope), recommender_of(request)
    asked = RecommendRequest(
        surface=surface or recommender.default_surface(call), k=limit, strategy=strategy, user=User(user_id=user_id)
    )
    return gotten(call, recommender.recommend(call, clean_recommend(asked)))
