"""From a clean request to its form, and from the form to the query that the ranking core understands."""

from datetime import datetime
from typing import TypeVar

from msgspec import UNSET, UnsetType, structs

from data_contracts import documents
from data_contracts.records import Consent
from recsys_algo import situation
from recsys_algo.candidates import DEFAULT_SEGMENT
from recsys_algo.segments import Segments
from recsys_algo.situation import Query
from recsys_algo.stringmap import StringMap
from serving.requests import (
    NO_CONSTRAINTS,
    NOBODY,
    NOWHERE,
    PLAIN,
    Constraints,
    Context,
    Options,
    RecommendRequest,
    SimilarRequest,
    User,
)

ANYTHING = situation.Constraints()
T = TypeVar("T", bound=RecommendRequest | SimilarRequest)


def form_of(request: T, users: tuple[StringMap, ...], segments: Segments | None = None) -> T:
    """What the list depends on, besides the day: the request without what is only logged, and without strangers.

    An id of which ``users`` know nothing changes no answer, so all strangers have one form. Where there are lists by
    trait, what the context says of a user without a segment is the segment of the form.
    """
    page = request.context.page_item_id
    user = _known(_asking(request.user, request.consent), users)
    return structs.replace(
        request,
        user=user,
        segment=_segment(request, user, segments) if segments and segments.traits else request.segment,
        context=NOWHERE if page is None else Context(page_item_id=page),
        options=_untimed(request.options),
        consent="full",
    )


def recommend_query(form: RecommendRequest, now: datetime, default_k: int) -> Query:
    """The item of the page is the first anchor."""
    page, anchors = form.context.page_item_id, form.anchors.item_ids
    return Query(
        k=default_k if form.k is UNSET else form.k,
        now=now,
        user_id=form.user.user_id,
        anonymous_id=form.user.anonymous_id,
        session_id=form.user.session_id,
        segment=form.segment,
        strategy=form.strategy,
        anchors=anchors if page is None else tuple(dict.fromkeys((page, *anchors))),
        anchor_weights=form.anchors.weights,
        include_ids=form.candidates.include_ids,
        include_mode=form.candidates.mode,
        exclude_ids=form.candidates.exclude_ids,
        constraints=constraints(form.constraints),
        weights=form.weights,
        mmr_lambda=form.diversity.mmr_lambda,
        min_brands=form.diversity.min_brands,
        seed=form.options.seed,
    )


def similar_query(form: SimilarRequest, now: datetime, default_k: int) -> Query:
    """The user is only asked for what they had already, which is left out."""
    return Query(
        k=default_k if form.k is UNSET else form.k,
        now=now,
        user_id=form.user.user_id,
        anonymous_id=form.user.anonymous_id,
        session_id=form.user.session_id,
        segment=form.segment,
        anchors=form.item_ids,
        constraints=constraints(form.constraints),
        seed=form.options.seed,
    )


def _segment(request: RecommendRequest | SimilarRequest, user: User, segments: Segments) -> str:
    """The one that the caller names; else the user's, which the core finds; else that of a trait in the context."""
    known = tuple([id for id in (user.user_id, user.anonymous_id, user.session_id) if id])
    if request.segment != DEFAULT_SEGMENT or request.consent == "none" or segments.of_user(known) != DEFAULT_SEGMENT:
        return request.segment
    context = request.context
    named = {name: getattr(context, name) for name in ("locale", "device", "country", "daypart")}
    return segments.of_traits({**context.attributes, **named})


def _untimed(options: Options) -> Options:
    untimed = structs.replace(options, timings=False) if options.timings else options
    return PLAIN if untimed == PLAIN else untimed


def _asking(user: User, consent: Consent) -> User:
    """Who may be known when ranking: with ``none`` nobody is, with ``limited`` only the visit."""
    if consent == "full":
        return user
    return User(session_id=user.session_id) if consent == "limited" else NOBODY


def _known(user: User, users: tuple[StringMap, ...]) -> User:
    if user is NOBODY:
        return user
    return User(
        user_id=_if_known(user.user_id, users),
        anonymous_id=_if_known(user.anonymous_id, users),
        session_id=_if_known(user.session_id, users),
    )


def _if_known(id: str | None, users: tuple[StringMap, ...]) -> str | None:
    return id if id is not None and any(map.find(id) >= 0 for map in users) else None


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
