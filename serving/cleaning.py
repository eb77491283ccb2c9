"""A request in its one normal form: ids trimmed, tags in lower case, lists without repetitions, synonyms resolved.

What a schema cannot say is refused here, with a pointer to each place. Cleaning twice changes nothing.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from msgspec import structs

from serving.errors import Fault, InvalidRequest
from serving.requests import (
    NO_ANCHORS,
    NO_CANDIDATES,
    NO_CONSTRAINTS,
    NOBODY,
    NOWHERE,
    Anchors,
    Candidates,
    Constraints,
    Context,
    RecommendRequest,
    SimilarRequest,
    User,
)

NON_PERSONAL = frozenset({"popular", "trending", "latest", "similar", "also_bought"})
CLOCK_YEARS = range(1970, 2200)  # what a request may call now, so that days can be counted from it in both directions
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

T = TypeVar("T")


def clean_recommend(request: RecommendRequest) -> RecommendRequest:
    """The normal form. Raises ``InvalidRequest`` with a fault for each place that is wrong."""
    faults: list[Fault] = []
    cleaned = structs.replace(
        request,
        surface=_id(request.surface, "/surface", faults),
        segment=_id(request.segment, "/segment", faults),
        user=_user(request.user, faults),
        context=_context(request.context, faults),
        anchors=_anchors(request.anchors, faults),
        candidates=_candidates(request.candidates, faults),
        constraints=_constraints(request.constraints, faults),
    )
    if cleaned.user == NOBODY and cleaned.strategy not in NON_PERSONAL:
        faults.append(_no_user())
    return _unless(faults, cleaned)


def clean_similar(request: SimilarRequest) -> SimilarRequest:
    """The normal form, with all items in ``item_ids``. Raises ``InvalidRequest`` with a fault for each wrong place."""
    faults: list[Fault] = []
    if (request.item_id is None) == (not request.item_ids):
        faults.append(Fault(pointer="/item_id", code="missing", detail="give either item_id or item_ids"))
    one = () if request.item_id is None else (_id(request.item_id, "/item_id", faults),)
    cleaned = structs.replace(
        request,
        surface=_id(request.surface, "/surface", faults),
        segment=_id(request.segment, "/segment", faults),
        item_id=None,
        item_ids=one or _ids(request.item_ids, "/item_ids", faults),
        user=_user(request.user, faults),
        context=_context(request.context, faults),
        constraints=_constraints(request.constraints, faults),
    )
    return _unless(faults, cleaned)


def _unless(faults: list[Fault], cleaned: T) -> T:
    if faults:
        raise InvalidRequest("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults[:3]), faults)
    return cleaned


def _no_user() -> Fault:
    strategies = ", ".join(sorted(NON_PERSONAL))
    detail = f"one of user_id, anonymous_id and session_id is required, unless the strategy is one of {strategies}"
    return Fault(pointer="/user", code="missing", detail=detail)


def _user(user: User, faults: list[Fault]) -> User:
    if user is NOBODY:
        return user
    return User(
        user_id=_optional_id(user.user_id, "/user/user_id", faults),
        anonymous_id=_optional_id(user.anonymous_id, "/user/anonymous_id", faults),
        session_id=_optional_id(user.session_id, "/user/session_id", faults),
    )


def _context(context: Context, faults: list[Fault]) -> Context:
    if context is NOWHERE:
        return context
    return structs.replace(
        context,
        now=_moment(context.now, "/context/now", faults),
        page_item_id=_optional_id(context.page_item_id, "/context/page_item_id", faults),
    )


def _anchors(anchors: Anchors, faults: list[Fault]) -> Anchors:
    if anchors is NO_ANCHORS:
        return anchors
    return Anchors(
        item_ids=_ids(anchors.item_ids, "/anchors/item_ids", faults)[: anchors.max_anchors],
        max_anchors=anchors.max_anchors,
        weights=_keyed(anchors.weights, "/anchors/weights", faults),
    )


def _candidates(candidates: Candidates, faults: list[Fault]) -> Candidates:
    if candidates is NO_CANDIDATES:
        return candidates
    return Candidates(
        include_ids=_ids(candidates.include_ids, "/candidates/include_ids", faults),
        exclude_ids=_ids(candidates.exclude_ids, "/candidates/exclude_ids", faults),
        mode=candidates.mode,
    )


def _constraints(constraints: Constraints, faults: list[Fault]) -> Constraints:
    if constraints is NO_CONSTRAINTS:
        return constraints
    _check_prices(constraints, faults)
    return structs.replace(
        constraints,
        include_tags_any=_tags(constraints, ("include_tags_any", "required_tags"), faults),
        include_tags_all=_tags(constraints, ("include_tags_all",), faults),
        exclude_tags_any=_tags(constraints, ("exclude_tags_any", "forbidden_tags"), faults),
        required_tags=(),
        forbidden_tags=(),
        created_after=_moment(constraints.created_after, "/constraints/created_after", faults),
        max_per_tag=_keyed(_lowered(constraints.max_per_tag), "/constraints/max_per_tag", faults),
    )


def _check_prices(constraints: Constraints, faults: list[Fault]) -> None:
    low, high = constraints.price_between or (None, None)
    if low is not None and high is not None and low > high:
        detail = f"the lower price {low} is above the upper one {high}"
        faults.append(Fault(pointer="/constraints/price_between", code="range", detail=detail))


def _optional_id(id: str | None, place: str, faults: list[Fault]) -> str | None:
    return None if id is None else _id(id, place, faults)


def _id(id: str, place: str, faults: list[Fault]) -> str:
    trimmed = id.strip()
    if not trimmed or _CONTROL.search(trimmed):
        faults.append(_bad_id(place))
    return trimmed


def _ids(ids: tuple[str, ...], place: str, faults: list[Fault]) -> tuple[str, ...]:
    """Distinct trimmed ids, in order."""
    return tuple(dict.fromkeys(_trimmed(ids, place, faults)))


def _tags(constraints: Constraints, fields: tuple[str, ...], faults: list[Fault]) -> tuple[str, ...]:
    """The tags of a field and its synonyms, in one list."""
    tags = (tag for field in fields for tag in _ids(getattr(constraints, field), f"/constraints/{field}", faults))
    return tuple(dict.fromkeys(tag.lower() for tag in tags))


def _lowered(values: Mapping[str, T]) -> dict[str, T]:
    return {key.lower(): value for key, value in values.items()}


def _keyed(values: Mapping[str, T], place: str, faults: list[Fault]) -> dict[str, T]:
    """The same values under trimmed keys; a bad key is reported at the mapping, for it can hardly be pointed to."""
    bad: list[Fault] = []
    keyed = dict(zip(_trimmed(tuple(values), place, bad), values.values(), strict=True))
    if bad:
        faults.append(_bad_id(place))
    return keyed


def _trimmed(ids: tuple[str, ...], place: str, faults: list[Fault]) -> list[str]:
    """All are searched at once; which of them is bad is only asked if one is."""
    trimmed = [id.strip() for id in ids]
    if "" in trimmed or _CONTROL.search("".join(trimmed)):
        bad = (position for position, id in enumerate(trimmed) if not id or _CONTROL.search(id))
        faults.extend(_bad_id(f"{place}/{position}") for position in bad)
    return trimmed


def _bad_id(place: str) -> Fault:
    return Fault(pointer=place, code="format", detail="an id or tag is empty or holds a control character")


def _moment(moment: datetime | None, place: str, faults: list[Fault]) -> datetime | None:
    if moment is None:
        return None
    if moment.year not in CLOCK_YEARS:
        detail = f"the year must be between {CLOCK_YEARS[0]} and {CLOCK_YEARS[-1]}"
        faults.append(Fault(pointer=place, code="range", detail=detail))
        return None
    return moment.astimezone(UTC)
