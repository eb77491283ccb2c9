"""From a clean request to the query that the ranking core understands."""

from datetime import datetime

from msgspec import UNSET, UnsetType

from data_contracts import documents
from data_contracts.records import Consent
from recsys_algo import situation
from recsys_algo.situation import Query
from recsys_algo.stringmap import StringMap
from serving.requests import NO_CONSTRAINTS, NOBODY, Constraints, RecommendRequest, SimilarRequest, User
from serving.shelf import Served

ANYTHING = situation.Constraints()


def recommend_query(request: RecommendRequest, now: datetime, served: Served) -> Query:
    """``context.now`` replaces ``now``; the item of the page is the first anchor; without consent nobody asks."""
    page, anchors = request.context.page_item_id, request.anchors.item_ids
    user = known(asking(request.user, request.consent), served.users)
    return Query(
        k=served.bundle.ranking.k if request.k is UNSET else request.k,
        now=request.context.now or now,
        user_id=user.user_id,
        anonymous_id=user.anonymous_id,
        session_id=user.session_id,
        segment=request.segment,
        strategy=request.strategy,
        anchors=anchors if page is None else tuple(dict.fromkeys((page, *anchors))),
        anchor_weights=request.anchors.weights,
        include_ids=request.candidates.include_ids,
        include_mode=request.candidates.mode,
        exclude_ids=request.candidates.exclude_ids,
        constraints=constraints(request.constraints),
        weights=request.weights,
        mmr_lambda=request.diversity.mmr_lambda,
        min_brands=request.diversity.min_brands,
        seed=request.options.seed,
    )


def similar_query(request: SimilarRequest, now: datetime, served: Served) -> Query:
    """The user is only asked for what they had already, which is left out."""
    user = known(asking(request.user, request.consent), served.users)
    return Query(
        k=served.bundle.ranking.k if request.k is UNSET else request.k,
        now=request.context.now or now,
        user_id=user.user_id,
        anonymous_id=user.anonymous_id,
        session_id=user.session_id,
        segment=request.segment,
        anchors=request.item_ids,
        constraints=constraints(request.constraints),
        seed=request.options.seed,
    )


def known(user: User, users: tuple[StringMap, ...]) -> User:
    """The user without the ids that a generation knows nothing of; they change no answer, so strangers are all one."""
    return User(
        user_id=_if_known(user.user_id, users),
        anonymous_id=_if_known(user.anonymous_id, users),
        session_id=_if_known(user.session_id, users),
    )


def _if_known(id: str | None, users: tuple[StringMap, ...]) -> str | None:
    return id if id is not None and any(map.find(id) >= 0 for map in users) else None


def asking(user: User, consent: Consent) -> User:
    """Who may be known when ranking: with ``none`` nobody is, with ``limited`` only the visit."""
    if consent == "full":
        return user
    return User(session_id=user.session_id) if consent == "limited" else NOBODY


def constraints(asked: Constraints) -> situation.Constraints:
    """The same constraints in the core's terms."""
    if asked is NO_CONSTRAINTS:
        return ANYTHING
    return situation.Constraints(
        include_tags_any=asked.include_tags_any,
        include_tags_all=asked.include_tags_all,
        exclude_tags_any=asked.exclude_tags_any,
        price_between=asked.price_between,
        currency=asked.currency,
        available_only=asked.available_only,
        created_after=asked.created_after,
        max_per_tag=asked.max_per_tag,
        max_per_brand=asked.max_per_brand,
        max_per_category=asked.max_per_category,
        exclude_seen=_seen(asked),
        dedupe_parent=asked.dedupe_parent,
    )


def _seen(asked: Constraints) -> documents.ExcludeSeen | UnsetType | None:
    seen = asked.exclude_seen
    if seen is None or seen is UNSET:
        return seen
    return documents.ExcludeSeen(types=seen.types, days=seen.days)
