"""One run of a tenant at a time: whoever changes a tenant's data holds the tenant's lease for as long as it does.

The lease is a record in the lake that is swapped by compare-and-swap, so of two runs that ask at the same time one gets
it. A thread renews it; a holder that was killed stops renewing, and its lease is free once it has expired, or at once
where its process is known to be dead. Clocks of machines that share a lake may differ by less than ``TTL_S``.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from data_contracts.errors import BlobChanged, BlobError
from recsys_pipelines.lake import Lake
from recsys_pipelines.processes import Process, is_dead, this_process

TTL_S = 120.0
_BEATS = 4  # renewals within the life of a lease
_POLL_S = 0.5  # between two looks of a run that waits

Clock = Callable[[], datetime]


class LeaseError(Exception):
    """A tenant's data may not be changed now."""


class RunInProgress(LeaseError):
    """Another run holds the tenant's lease."""


class LeaseLost(LeaseError):
    """The lease expired while its holder stood still, and may be another run's by now."""


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who holds a tenant, until when; without a holder it is free (and the same bytes whoever had it last)."""

    holder: str = ""
    process: Process | None = None
    taken_at: datetime | None = None
    renewed_at: datetime | None = None
    expires_at: datetime | None = None

    def is_same(self, other: "Lease") -> bool:
        """Whether it is the same one, perhaps renewed."""
        return (self.holder, self.process, self.taken_at) == (other.holder, other.process, other.taken_at)

    def is_free(self, now: datetime) -> bool:
        """Whether somebody else may take it."""
        return self.is_expired(now) or (self.process is not None and is_dead(self.process))

    def is_expired(self, now: datetime) -> bool:
        """Whether it was not renewed in time."""
        return self.expires_at is None or self.expires_at <= now


@dataclass
class Held:
    """A lease that is held; ``ensure`` stands before whatever changes data after a while."""

    lake: Lake
    tenant: str
    lease: Lease
    now: Clock
    ttl: timedelta
    done: threading.Event = field(default_factory=threading.Event)

    def ensure(self) -> None:
        """Raise ``LeaseLost`` if another run may have begun, so that the two never interleave."""
        if self.lease.is_expired(self.now()):
            found = read_lease(self.lake, self.tenant)  # renewed by an outer block
            self.lease = found if found.is_same(self.lease) else self.lease
        if self.lease.is_expired(self.now()):
            raise LeaseLost(
                f"the run {self.lease.holder} of tenant {self.tenant!r} stood still for so long that its lease "
                f"expired at {self.lease.expires_at}; it stops, so as not to mix with another run. Start it again"
            )

    def renew(self) -> None:
        """Hold it for longer. A store that does not answer is asked again at the next beat."""
        longer = _renewed(self.lease, self.now(), self.ttl)
        with suppress(BlobError):
            if _swap(self.lake, self.tenant, longer, expected=self.lease):
                self.lease = longer

    def beat(self) -> None:
        """Renew until the end; nothing else writes the record of a lease that has not expired."""
        while not self.done.wait(self.ttl.total_seconds() / _BEATS):
            self.renew()


@contextmanager
def hold(
    lake: Lake, tenant: str, *, holder: str, now: Clock, wait_s: float = 0.0, ttl_s: float = TTL_S
) -> Iterator[Held]:
    """Hold the tenant for the block; within it the same ``holder`` of the same process may hold it again.

    ``holder`` says who it is, such as a run's id or `forget`. While another holds it, waits for up to ``wait_s``, then
    raises ``RunInProgress``.
    """
    ttl = timedelta(seconds=ttl_s)
    found = read_lease(lake, tenant)
    if found.holder == holder and found.process == this_process():
        yield Held(lake, tenant, found, now, ttl)  # the outer block renews it and gives it back
        return
    held = _taken(Held(lake, tenant, Lease(holder=holder, process=this_process()), now, ttl), wait_s)
    beating = threading.Thread(target=held.beat, name=f"lease of {tenant}", daemon=True)
    beating.start()
    try:
        yield held
    finally:
        held.done.set()
        beating.join()
        with suppress(BlobError):  # it expires anyhow
            _swap(lake, tenant, Lease(), expected=held.lease)


def read_lease(lake: Lake, tenant: str) -> Lease:
    """Who holds the tenant now."""
    return lake.read_json("lease", tenant, None, Lease) or Lease()


def _taken(asking: Held, wait_s: float) -> Held:
    """The same, with the lease. Raises ``RunInProgress``."""
    deadline = time.monotonic() + wait_s
    while (holder := _take(asking)) is not None:
        if time.monotonic() >= deadline:
            raise RunInProgress(_refusal(asking.tenant, holder))
        time.sleep(_POLL_S)
    return asking


def _take(asking: Held) -> Lease | None:
    """Take the lease if it is free; else who has it."""
    now = asking.now()
    found, tag = asking.lake.read_tagged_json("lease", asking.tenant, None, Lease)
    if found is not None and not found.is_free(now):
        return found
    mine = _renewed(msgspec.structs.replace(asking.lease, taken_at=now), now, asking.ttl)
    try:
        asking.lake.swap_json("lease", asking.tenant, None, mine, tag=tag)
    except BlobChanged:
        return read_lease(asking.lake, asking.tenant)
    asking.lease = mine
    return None


def _renewed(lease: Lease, now: datetime, ttl: timedelta) -> Lease:
    return msgspec.structs.replace(lease, renewed_at=now, expires_at=now + ttl)


def _swap(lake: Lake, tenant: str, lease: Lease, *, expected: Lease) -> bool:
    """Write the record if it still is the expected one, perhaps renewed. Raises ``BlobError``."""
    found, tag = lake.read_tagged_json("lease", tenant, None, Lease)
    if found is None or not found.is_same(expected):
        return False
    lake.swap_json("lease", tenant, None, lease, tag=tag)
    return True


def _refusal(tenant: str, lease: Lease) -> str:
    host = lease.process.host if lease.process else "an unknown host"
    return (
        f"tenant {tenant!r} is being changed by {lease.holder or 'another run'} on {host}, since {lease.taken_at} "
        f"(renewed {lease.renewed_at}). Nothing was done. Wait for it (`recsys run daily --wait SECONDS`), or stop it; "
        f"if it was killed on another machine, its lease is free at {lease.expires_at}"
    )
