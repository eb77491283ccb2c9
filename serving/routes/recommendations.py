"""``GET /recommendations``: an alias of ``POST /v1/recommend`` with a smaller answer in camelCase."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from serving.answering import gotten, recommender_of
from serving.cleaning import clean_recommend
from serving.documented import GOTTEN, OptionalSurface, answers, refuse_unknown
from serving.refusal import AnyRequest
from serving.reply import Reply
from serving.requests import MAX_K, RecommendRequest, User
from serving.server import call_of

DEFAULT_TOP_K = 10


class Product(msgspec.Struct, frozen=True, rename="camel"):
    """One item of the list."""

    product_id: str
    score: float


class Products(msgspec.Struct, frozen=True, rename="camel"):
    """A ranked list for one user."""

    user_id: str
    items: tuple[Product, ...]
    request_id: str


@get(
    "/recommendations",
    tags=["aliases"],
    responses=answers(Products, *GOTTEN),
    opt={"endpoint": "recommend", "alias_of": "/v1/recommend"},
)
async def recommendations(
    request: AnyRequest,
    user_id: Annotated[str, QueryParameter(name="userId", min_length=1, max_length=256)],
    top_k: Annotated[int, QueryParameter(name="topK", ge=1, le=MAX_K)] = DEFAULT_TOP_K,
    surface: OptionalSurface = None,
) -> Reply:
    """Rank items for a user on the tenant's default surface, or on ``surface``."""
    refuse_unknown(request, "userId", "topK", "surface")
    call, recommender = call_of(request.scope), recommender_of(request)
    asked = RecommendRequest(surface=surface or recommender.default_surface(call), k=top_k, user=User(user_id=user_id))
    answer = recommender.recommend(call, clean_recommend(asked))
    products = tuple(Product(item.item_id, item.score) for item in answer.places())
    return gotten(call, Products(user_id, products, call.request_id))
