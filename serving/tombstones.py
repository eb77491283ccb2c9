"""Who is forgotten: a request that names one of them is answered, and recorded, as one of a stranger.

Read by the poller before anything else, so a person is unknown within one interval of being forgotten, while models
that still know them are served. While a tenant's tombstones cannot be read, nothing new of that tenant is loaded: what
is served goes on with the tombstones that were known.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from msgspec import structs

from data_contracts.blobs import Blobs
from data_contracts.errors import InvalidDocument, StoreUnavailable
from data_contracts.pseudonym import Pseudonyms
from data_contracts.tombstones import Engraved, is_among, read_tombstones
from recsys_algo.loading import BadSchema, StoreDown
from serving.requests import NOBODY, RecommendRequest, SimilarRequest

T = TypeVar("T", bound=RecommendRequest | SimilarRequest)


class Forgotten:
    """What one worker knows of the tombstones of all tenants; each tenant's are swapped in by one assignment."""

    def __init__(self, store: Blobs, pseudonyms_of: Callable[[str], Pseudonyms]) -> None:
        self._store = store
        self._pseudonyms_of = pseudonyms_of
        self._known: Mapping[str, Engraved] = {}
        self._marks: Mapping[str, frozenset[str]] = {}

    def refresh(self, tenant: str) -> None:
        """Read the tenant's tombstones if they have changed. Raises ``StoreDown``, ``BadSchema``."""
        known = self._known.get(tenant)
        try:
            found = read_tombstones(self._store, tenant, known.tag if known else None)
        except InvalidDocument as error:
            raise BadSchema(str(error), "tombstones") from error
        except StoreUnavailable as error:
            raise StoreDown(str(error), "tombstones") from error
        if found is not None:
            self._known = {**self._known, tenant: found}
            self._marks = {**self._marks, tenant: found.tombstones.marks}

    def without(self, tenant: str, request: T) -> T:
        """The request, from nobody if any of its ids is a forgotten person's."""
        user = request.user
        if user is NOBODY or not self.is_any(tenant, user.user_id, user.anonymous_id, user.session_id):
            return request
        return structs.replace(request, user=NOBODY)

    def is_any(self, tenant: str, *ids: str | None) -> bool:
        """Whether any of the ids is a forgotten person's."""
        marks = self._marks.get(tenant)
        if not marks:
            return False
        pseudonyms = self._pseudonyms_of(tenant)
        return any(id is not None and is_among(id, marks, pseudonyms) for id in ids)
