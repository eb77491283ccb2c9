"""To forget a person: a tombstone first, then every store, then models without them, and a signed proof at the end.

From the tombstone on, no server knows the person and no ingest brings them back; the rest may be killed anywhere and
run again. A record in the lake says that somebody is being forgotten until the last generation that knew them is gone,
so what a killed run had taken out already is still followed by new models.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple
from uuid import uuid4

import msgspec

from data_contracts.documents import TenantDocument
from data_contracts.errors import BlobMissing
from data_contracts.generations import read_manifest
from data_contracts.manifest import Manifest
from data_contracts.policies import TrainingPolicy
from data_contracts.signature import signing_key
from recsys_pipelines.algorithm import configured
from recsys_pipelines.candidate import candidate
from recsys_pipelines.decisions import Judgement, SecondStageChoice
from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import hold
from recsys_pipelines.penalties import write_outcomes
from recsys_pipelines.pointers import Place, ignore, move, served
from recsys_pipelines.privacy.keeping import Held, Keeper, cleaned
from recsys_pipelines.privacy.person import Person, bury, known_as, with_links
from recsys_pipelines.privacy.proof import Cleaned, Proof, Replaced, read, sealed, write
from recsys_pipelines.privacy.searching import OUTSIDE, Search, intake, lake, pages, published, search
from recsys_pipelines.releasing import Release, released
from recsys_pipelines.second_stage.learning import learn
from recsys_pipelines.training import fits, train, weigh
from recsys_pipelines.workshop import Workshop

STEPS = ("tombstone", "intake", "lake", "pages", "published", "generations", "proof")
REASON = "a person was forgotten; the same settings and days, without them"
PENDING = "forgetting"


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """The people, by pseudonym, who are not forgotten to the end yet."""

    people: tuple[str, ...] = ()


class Forgotten(NamedTuple):
    """The proof; ``unchanged`` if there was nothing left to do and it is the one of an earlier run."""

    proof: Proof
    unchanged: bool


def found(shop: Workshop, tenant: str, user: str) -> Search:
    """Where the person is. Raises ``UnknownTenant``."""
    person = known_as(shop.store, tenant, user, shop.pseudonyms(tenant))
    return search(shop, with_links(person, shop.lake))


def forget(
    shop: Workshop, tenant: str, user: str, *, wait_s: float = 0.0, after: Callable[[str], None] = ignore
) -> Forgotten:
    """Take the person out of every store. ``after`` is called with the name of each of the ``STEPS``.

    All but the tombstone needs the tenant's lease. Raises ``UnknownTenant``, and ``RunInProgress`` if another run did
    not end within ``wait_s``: the tombstone stands by then, the rest is left. Whatever stops it, run it again.
    """
    shop.tenant(tenant)  # its mistakes come before anything is done
    stranger = known_as(shop.store, tenant, user, shop.pseudonyms(tenant))
    bury(shop.store, stranger, shop.now())
    after("tombstone")
    with hold(shop.lake, tenant, holder=f"forget {uuid4()}", now=shop.now, wait_s=wait_s):
        person = with_links(stranger, shop.lake)
        bury(shop.store, person, shop.now())
        return _Forgetting(shop, person, after).done()


class _Forgetting:
    def __init__(self, shop: Workshop, person: Person, after: Callable[[str], None]) -> None:
        self.shop, self.person, self.after = shop, person, after
        self.cleaned: list[Cleaned] = []
        self.replaced: tuple[Replaced, ...] = ()

    def done(self) -> Forgotten:
        """Everything but the tombstone, and the proof of it."""
        was_pending = self.person.name in self._pending().people
        self._clean(intake(self.shop, self.person), "intake")
        tables, records = lake(self.shop, self.person)
        self._mark(pending=True)
        self._clean((tables, records), "lake")
        tables.recount()
        self._clean(pages(self.shop, self.person), "pages")
        generations, _, _ = published(self.shop, self.person)
        knew = any(True for key in generations.keys() if generations.count(key))  # noqa: SIM118
        if was_pending or knew or tables.touched:
            self.replaced = tuple(self._republished())
        self.after("published")
        self._clean((generations,), "generations")
        self._clean(published(self.shop, self.person)[1:], "")  # now that no generation names them
        self._clean(pages(self.shop, self.person), "")  # what publishing wrote
        self._mark(pending=False)
        return self._proved()

    def _clean(self, keepers: Iterable[Keeper], step: str) -> None:
        for keeper in keepers:
            gone = list(cleaned(keeper))
            self.cleaned.append(_told(keeper, gone))
        if step:
            self.after(step)

    def _republished(self) -> Iterator[Replaced]:
        """Models of the same days without the person, for every surface that has any."""
        shop, tenant = self.shop, self.shop.tenant(self.person.tenant)
        by_day: dict[date, list[Manifest]] = {}
        for surface in tenant.document.surfaces:
            if (manifest := self._served(surface)) is not None:
                last = (manifest.window.end - timedelta(microseconds=1)).date()
                by_day.setdefault(last, []).append(manifest)
        for day, manifests in sorted(by_day.items()):
            learn_anew(tenant.document, shop.lake, day)
            with candidate(tenant, shop.lake, day) as arrays:
                folder = shop.report_folder(tenant.document.tenant, day.isoformat())
                release = Release(shop, tenant, day, arrays, folder, "")
                for before in manifests:
                    outcome = released(release, _judgement(before))
                    yield Replaced(surface=before.surface, before=before.generation, after=outcome.generation)

    def _served(self, surface: str) -> Manifest | None:
        """What the surface serves, after giving up a canary, which nobody retrains."""
        place = Place(self.shop.store, self.person.tenant, surface)
        at = served(place)
        if at is None:
            return None
        if at.pointer.canary is not None:
            move(place, msgspec.structs.replace(at.pointer, canary=None), at)
        try:
            return read_manifest(*place, at.pointer.generation)
        except BlobMissing:
            return None

    def _proved(self) -> Forgotten:
        shop, person = self.shop, self.person
        stores = _summed(self.cleaned)
        earlier = read(shop.locations.reports, person.tenant, person.name)
        left = search(shop, person).held
        if earlier is not None and not self.replaced and not left and not any(each.removed for each in stores):
            return Forgotten(earlier, unchanged=True)
        proof = Proof(
            tenant=person.tenant,
            person=person.name,
            at=shop.now(),
            linked_ids=len(person.marks) - len({person.name, person.pseudonyms.of(person.name)}),
            stores=stores,
            generations=self.replaced,
            left=left,
            outside=OUTSIDE,
        )
        proof = sealed(proof, signing_key(shop.environ), person.pseudonyms)
        write(proof, shop.locations.reports)
        self.after("proof")
        return Forgotten(proof, unchanged=False)

    def _pending(self) -> Pending:
        return self.shop.lake.read_json(PENDING, self.person.tenant, None, Pending) or Pending()

    def _mark(self, *, pending: bool) -> None:
        others = set(self._pending().people) - {self.person.name}
        people = others | {self.person.name} if pending else others
        self.shop.lake.write_json(PENDING, self.person.tenant, None, Pending(people=tuple(sorted(people))))


def learn_anew(document: TenantDocument, lake: Lake, day: date) -> None:
    """Every table that a release is made of, from events alone: what was learned earlier may know whom these do not."""
    afresh = msgspec.structs.replace(document, training=TrainingPolicy(mode="full"))
    for fit in fits(document):
        weigh(afresh, lake, day, fit)
    for algorithm in sorted({each.name for each in configured(document).values()}):
        train(afresh, lake, day, algorithm)
    learn(afresh, lake, day)
    write_outcomes(afresh, lake, day)


def _judgement(before: Manifest) -> Judgement:
    """The decision goes without the gate: not to publish would be to keep the person. A second stage stays in use."""
    model = next((artifact.kind for artifact in before.artifacts if artifact.shape == "ranker"), None)
    return Judgement(
        second_stage=SecondStageChoice(model=model, chosen=True, reason=REASON) if model else None,
        surface=before.surface,
        decision="ungated",
        reason=REASON,
        metrics=before.evaluation.metrics,
        algorithms={},
        baseline_generation=before.evaluation.baseline_generation,
    )


def _told(keeper: Keeper, gone: list[Held]) -> Cleaned:
    return Cleaned(store=keeper.store, method=keeper.method, keys=len(gone), removed=sum(held.count for held in gone))


def _summed(cleaned: Iterable[Cleaned]) -> tuple[Cleaned, ...]:
    """One line per store, in the order in which they were cleaned first."""
    stores: dict[str, Cleaned] = {}
    for each in cleaned:
        before = stores.get(each.store, Cleaned(store=each.store, method=each.method, keys=0, removed=0))
        stores[each.store] = msgspec.structs.replace(
            before, keys=before.keys + each.keys, removed=before.removed + each.removed
        )
    return tuple(stores.values())
