"""``GET /v1/items/{item_id}/similar`` and ``GET /items/{item_id}/similar``: aliases of ``POST /v1/similar``."""

from litestar import get
from msgspec import UNSET

from serving.answering import gotten, recommender_of
from serving.cleaning import clean_similar
from serving.documented import GOTTEN, OptionalK, OptionalSurface, PathId, answers, refuse_unknown
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import SimilarRequest
from serving.responses import Recommendations
from serving.server import call_of


@get(
    ["/v1/items/{item_id:str}/similar", "/items/{item_id:str}/similar"],
    tags=["aliases"],
    responses=answers(Recommendations, *GOTTEN),
    opt={"endpoint": "similar", "alias_of": "/v1/similar"},
)
async def similar_to_item(
    request: AnyRequest,
    item_id: PathId,
    k: OptionalK = None,
    surface: OptionalSurface = None,
) -> Reply:
    """Rank the items that go with one item; without ``surface``, on the tenant's default one."""
    refuse_unknown(request, "k", "surface")
    call, recommender = call_of(request.scope), recommender_of(request)
    asked = SimilarRequest(
        surface=surface or recommender.default_surface(call), item_id=item_id, k=UNSET if k is None else k
    )
    return gotten(call, recommender.similar(call, clean_similar(asked)))
