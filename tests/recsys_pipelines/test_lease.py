"""One run of a tenant at a time, on every kind of store, between threads of a process and between processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import Lease, LeaseLost, RunInProgress, hold, read_lease
from recsys_pipelines.processes import is_dead, this_process

NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


HOLDER = """
import os, sys, time
from datetime import UTC, datetime
from data_contracts.open import open_blobs
from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import RunInProgress, hold
lake = Lake(open_blobs(sys.argv[1], dict(os.environ)))
print("ready", flush=True)
sys.stdin.readline()
try:
    with hold(lake, "shop", holder=sys.argv[2], now=lambda: datetime.now(UTC)):
        print("held", flush=True)
        sys.stdin.readline()
except RunInProgress as error:
    print(error, flush=True)
"""


def now() -> datetime:
    return datetime.now(UTC)


class Holder:
    """A process of its own that takes the lease when it is told to, and keeps it until it is told to end."""

    def __init__(self, store, name: str) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", HOLDER, store.url, name]
        self.process = subprocess.Popen(command, env=os.environ | store.environ, cwd=ROOT, **pipes)

    def __enter__(self) -> "Holder":
        assert self.said() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> str:
        return self.process.stdout.readline().strip()

    def take(self) -> str:
        self.go_on()
        return self.said()


class Watch:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def lake(blobs) -> Lake:
    return Lake(blobs)


def test_while_a_run_holds_a_tenant_another_one_is_told_who_and_since_when(lake, watch):
    with (
        hold(lake, "shop", holder="run-1", now=watch),
        pytest.raises(RunInProgress) as refused,
        hold(lake, "shop", holder="run-2", now=watch),
    ):
        pass

    said = str(refused.value)
    assert [word for word in ("'shop'", "run-1", "2026-02-01 12:00:00", "--wait") if word not in said] == []


def test_a_lease_that_is_given_back_is_free_and_leaves_the_same_bytes_whoever_had_it(lake, blobs, watch):
    left = []
    for holder in ("run-1", "run-2"):
        with hold(lake, "shop", holder=holder, now=watch):
            assert read_lease(lake, "shop").holder == holder
        left.append(blobs.read("lease/tenant=shop/lease.json"))

    assert left[0] == left[1]
    assert read_lease(lake, "shop") == Lease()


def test_a_lease_is_given_back_also_after_a_failure(lake, watch):
    with pytest.raises(ZeroDivisionError), hold(lake, "shop", holder="run-1", now=watch):
        1 / 0  # noqa: B018

    assert read_lease(lake, "shop") == Lease()


def test_tenants_do_not_wait_for_each_other(lake, watch):
    with hold(lake, "shop", holder="run-1", now=watch), hold(lake, "other", holder="run-2", now=watch):
        assert [read_lease(lake, tenant).holder for tenant in ("shop", "other")] == ["run-1", "run-2"]


def test_the_same_run_may_hold_its_tenant_again_within(lake, watch):
    with hold(lake, "shop", holder="run-1", now=watch):
        with hold(lake, "shop", holder="run-1", now=watch) as inner:
            inner.ensure()

        assert read_lease(lake, "shop").holder == "run-1"


def test_a_lease_of_another_machine_is_taken_over_only_after_it_expired(lake, watch):
    elsewhere = Lease(
        holder="run-1",
        process=replace(this_process(), machine="another machine"),
        taken_at=NOON,
        expires_at=NOON + timedelta(minutes=2),
    )
    lake.write_json("lease", "shop", None, elsewhere)

    watch.time = NOON + timedelta(seconds=119)
    with pytest.raises(RunInProgress), hold(lake, "shop", holder="run-2", now=watch):
        pass
    watch.time = NOON + timedelta(minutes=2)
    with hold(lake, "shop", holder="run-2", now=watch):
        assert read_lease(lake, "shop").holder == "run-2"


def test_a_lease_is_renewed_for_as_long_as_its_block_lasts(lake):
    with hold(lake, "shop", holder="run-1", now=now, ttl_s=0.6) as held:
        taken = read_lease(lake, "shop")
        time.sleep(1.2)  # twice as long as it lives unrenewed

        assert read_lease(lake, "shop").expires_at > taken.expires_at
        held.ensure()
        with pytest.raises(RunInProgress), hold(lake, "shop", holder="run-2", now=now):
            pass


def test_who_stood_still_for_too_long_stops_and_leaves_the_other_ones_lease_alone(lake, watch):
    with hold(lake, "shop", holder="run-1", now=watch) as held:
        watch.time = NOON + timedelta(minutes=3)
        with hold(lake, "shop", holder="run-2", now=watch):
            with pytest.raises(LeaseLost, match=r"run-1 .* expired at 2026-02-01 12:02:00"):
                held.ensure()
            held.renew()

            assert read_lease(lake, "shop").holder == "run-2"
    assert read_lease(lake, "shop") == Lease()


@pytest.mark.slow  # processes of their own
def test_a_run_that_waits_begins_when_the_other_one_has_ended(store, lake):
    with Holder(store, "run-1") as other:
        assert other.take() == "held"
        threading.Timer(1.0, other.go_on).start()

        with hold(lake, "shop", holder="run-2", now=now, wait_s=60):
            assert read_lease(lake, "shop").holder == "run-2"


@pytest.mark.slow  # processes of their own
def test_of_processes_that_ask_at_the_same_time_one_is_let_in(store):
    with Holder(store, "run-1") as one, Holder(store, "run-2") as two, Holder(store, "run-3") as three:
        for each in (one, two, three):
            each.go_on()
        said = [each.said() for each in (one, two, three)]

    assert said.count("held") == 1
    winner = f"run-{said.index('held') + 1}"
    assert [winner in line for line in said if line != "held"] == [True, True]


@pytest.mark.slow  # a process of its own
def test_what_a_killed_process_held_is_free_at_once_on_its_own_machine(store, lake):
    with Holder(store, "run-1") as other:
        assert other.take() == "held"
        with pytest.raises(RunInProgress), hold(lake, "shop", holder="run-2", now=now):
            pass
        other.process.send_signal(signal.SIGKILL)
        other.process.wait()

        with hold(lake, "shop", holder="run-2", now=now):
            assert read_lease(lake, "shop").holder == "run-2"


@pytest.mark.slow  # a process of its own
def test_the_same_name_in_another_process_is_another_run(store, lake):
    with Holder(store, "run-1") as other:
        assert other.take() == "held"

        with pytest.raises(RunInProgress), hold(lake, "shop", holder="run-1", now=now):
            pass


def test_a_number_that_another_process_has_now_is_a_dead_one():
    assert not is_dead(this_process())
    assert is_dead(replace(this_process(), started="1"))
    assert not is_dead(replace(this_process(), machine="another machine", started="1"))
