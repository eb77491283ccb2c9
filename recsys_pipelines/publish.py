"""Publishing: a candidate becomes the generation that a surface serves, or nothing that is served has changed.

Blobs first, then a manifest that names them, then the pointer. Each is written whole, and of what a reader can reach
only the pointer ever changes. So a publisher may be killed anywhere: run again, it finds what is there already and ends
where it would have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from data_contracts.blobs import Blobs
from data_contracts.documents import parse
from data_contracts.errors import BlobMissing, ContractError, InvalidDocument
from data_contracts.generations import Pointed, read_manifest, require_stored
from data_contracts.manifest import (
    ENGINE_API,
    PUBLISHABLE,
    Decision,
    Evaluation,
    Lineage,
    Manifest,
    Pointer,
    Window,
)
from data_contracts.signature import SigningKey
from recsys_algo.encode import Encoded
from recsys_pipelines.numbering import Recorded, recorded, same
from recsys_pipelines.parcel import Parcel, packed, store
from recsys_pipelines.pointers import After, LostRace, Place, complete, ignore, move, served
from recsys_pipelines.releases import sweep

STEPS = ("blob", "blobs", "verified", "manifest", "decision", "pointer", "outbox", "history", "sweep")


class PublishRefused(ContractError):
    """The candidate may not be served."""


class OlderWindow(PublishRefused):
    """The candidate knows less than what is served: its data ends earlier."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What would be served. ``document`` is the tenant document as JSON; ``evaluated`` is the fit that was judged.

    ``reason`` says why it may go out, and has to be given when it was not gated. ``allow_older`` lets it replace a
    generation whose data ends later.
    """

    tenant: str
    surface: str
    window: Window
    document: bytes
    artifacts: Sequence[Encoded]
    evaluated: Sequence[Encoded]
    lineage: Lineage
    decision: Decision
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    baseline_generation: int | None = None
    allow_older: bool = False


class Published(NamedTuple):
    """What is served now; ``unchanged`` if the same content was served before.

    The manifest may be of an earlier run than this one: of a publisher that was killed on its way.
    """

    generation: int
    manifest: Manifest
    unchanged: bool


def publish(  # noqa: PLR0913 - its circumstances, each by name
    candidate: Candidate,
    blobs: Blobs,
    *,
    now: datetime,
    by: str,
    keep: int,
    signing: SigningKey | None = None,
    after: After = ignore,
) -> Published:
    """Serve the candidate, unless its content is served already; then drop what only older generations needed.

    A candidate that is refused leaves its manifest for the record, and the pointer where it is. ``after`` is called
    with the name of each of the ``STEPS``. Raises ``PublishRefused``, ``OlderWindow``, ``LostRace`` (another publisher
    was first: decide anew), ``BlobCorrupt`` (the store holds other bytes than were sent), ``InvalidDocument``.
    """
    attempt = _Attempt(candidate, Place(blobs, candidate.tenant, candidate.surface), now, by, signing, after)
    try:
        published = attempt.published()
    except PublishRefused:
        sweep(blobs, candidate.tenant, keep, now)  # the manifests of refused candidates add up, too
        raise
    sweep(blobs, candidate.tenant, keep, now)
    after("sweep")
    return published


@dataclass(frozen=True)
class _Attempt:
    candidate: Candidate
    place: Place
    now: datetime
    by: str
    signing: SigningKey | None
    after: After

    def published(self) -> Published:
        candidate, blobs = self.candidate, self.place.blobs
        _require_own_document(candidate)
        seen = served(self.place)
        incumbent = self.incumbent(seen)
        parcel = packed(candidate.tenant, candidate.document, candidate.artifacts, candidate.evaluated)
        draft = self.draft(parcel, seen.pointer.generation if seen else None)
        store(blobs, candidate.tenant, parcel.sources, self.after)
        self.after("blobs")
        if incumbent and same(incumbent, draft, self.signing):
            self.require_publishable()
            return Published(incumbent.generation, incumbent, unchanged=True)
        require_stored(blobs, parcel.sources)
        self.after("verified")
        stored = recorded(self.place, draft, self.signing)
        store(
            blobs, candidate.tenant, parcel.sources, self.after
        )  # if a sweep took any before the manifest protected it
        self.after("manifest")
        self.require_publishable()
        self.after("decision")
        self.serve(stored, seen)
        return Published(stored.manifest.generation, stored.manifest, unchanged=False)

    def incumbent(self, seen: Pointed | None) -> Manifest | None:
        """What is served now, after completing what its publisher may have left undone; not to be replaced by older."""
        if seen is None:
            return None
        complete(self.place, seen.pointer, self.after)
        try:
            found = read_manifest(*self.place, seen.pointer.generation)
        except BlobMissing:  # then whatever is published can only be better
            return None
        if self.candidate.window.end < found.window.end and not self.candidate.allow_older:
            raise OlderWindow(
                f"{self.place}: the candidate knows events up to {self.candidate.window.end:%Y-%m-%d %H:%M}, and "
                f"generation {found.generation} is served with events up to {found.window.end:%Y-%m-%d %H:%M}"
            )
        return found

    def draft(self, parcel: Parcel, parent: int | None) -> Manifest:
        """The manifest but for its number and its signature."""
        candidate = self.candidate
        return Manifest(
            schema="recsys.manifest/2",
            tenant=candidate.tenant,
            surface=candidate.surface,
            generation=1,
            parent=parent,
            created_at=self.now,
            engine_api=f">={ENGINE_API},<{ENGINE_API + 1}",
            window=candidate.window,
            config=parcel.config,
            artifacts=parcel.artifacts,
            lineage=candidate.lineage,
            evaluation=Evaluation(
                decision=candidate.decision,
                reason=candidate.reason,
                metrics=dict(candidate.metrics),
                baseline_generation=candidate.baseline_generation,
                artifacts=parcel.evaluated,
            ),
        )

    def require_publishable(self) -> None:
        candidate = self.candidate
        why = f"{self.place}: the gate's decision is {candidate.decision!r}"
        if candidate.decision not in PUBLISHABLE:
            raise PublishRefused(f"{why}: {candidate.reason or 'no reason was given'}")
        if candidate.decision == "ungated" and not candidate.reason.strip():
            raise PublishRefused(f"{why}, and publishing ungated needs a reason")

    def serve(self, stored: Recorded, seen: Pointed | None) -> None:
        """Swap the pointer and record it. The canary, if there is one, goes on."""
        pointer = Pointer(
            generation=stored.manifest.generation,
            sha256=stored.sha256,
            updated_at=self.now,
            updated_by=self.by,
            reason=self.candidate.reason or self.candidate.decision,
            canary=seen.pointer.canary if seen else None,
        )
        try:
            move(self.place, pointer, seen)
        except LostRace:
            winner = served(self.place)
            if winner is None or winner.pointer.sha256 != pointer.sha256:
                raise
            pointer = winner.pointer  # another publisher of the very same manifest was quicker
        self.after("pointer")
        complete(self.place, pointer, self.after)


def _require_own_document(candidate: Candidate) -> None:
    """A server reads the ranking of this surface from it."""
    document = parse(candidate.document, "the candidate's tenant document")
    if document.tenant != candidate.tenant or candidate.surface not in document.surfaces:
        surfaces = ", ".join(sorted(document.surfaces))
        raise InvalidDocument(
            f"the candidate for {candidate.tenant}/{candidate.surface} carries the document of {document.tenant!r} "
            f"with the surfaces {surfaces}"
        )
