"""Announcements reach every receiver once and in order, on every store, whatever stops on the way."""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.blobs import Blobs
from data_contracts.layout import delivery_key, outbox_key, outbox_prefix, training_key
from data_contracts.manifest import Refreshed, canonical
from data_contracts.training_records import TrainingStarted
from recsys_pipelines.outbox.announcements import Announcement, NotDelivered, announcements
from recsys_pipelines.outbox.delivery import CLAIM_S, deliver, waiting
from recsys_pipelines.outbox.webhook import WebhookSink

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from data_contracts.open import open_blobs
from recsys_pipelines.outbox import delivery
from recsys_pipelines.outbox.webhook import WebhookSink

class Deadly(WebhookSink):
    def send(self, announcement):
        super().send(announcement)
        os.kill(os.getpid(), signal.SIGKILL)

clock = lambda: datetime(2026, 2, 1, 12, tzinfo=UTC)
delivery.deliver(open_blobs(sys.argv[1], dict(os.environ)), "demo", (Deadly(sys.argv[2], "", clock),), clock)
"""


@dataclass
class Notebook:
    """A receiver in this process that refuses until it is told otherwise."""

    name: str = "notebook"
    refuses: bool = False
    got: list[str] = field(default_factory=list)

    def send(self, announcement: Announcement) -> None:
        if self.refuses:
            raise NotDelivered(f"{self.name} is closed")
        self.got.append(announcement.id)


def refreshed(surface: str, generation: int, minutes: int = 0) -> Refreshed:
    at = NOON + timedelta(minutes=minutes)
    return Refreshed(
        tenant="demo", surface=surface, generation=generation, sha256="a" * 64, at=at, by="ana", reason="nightly"
    )


def announce(blobs: Blobs, *records: Refreshed | TrainingStarted) -> None:
    for each in records:
        if isinstance(each, Refreshed):
            key = outbox_key("demo", each.surface, each.generation)
        else:
            key = training_key("demo", "Started", each.run_id)
        blobs.create(key, canonical(each))


def now() -> datetime:
    return NOON


def later() -> datetime:
    return NOON + timedelta(seconds=CLAIM_S + 1)


def test_every_receiver_gets_each_announcement_once_and_in_order(blobs):
    announce(blobs, refreshed("pdp", 2, minutes=5), refreshed("home", 2), refreshed("home", 1))
    one, other = Notebook("one"), Notebook("other")

    first = deliver(blobs, "demo", (one, other), now)
    second = deliver(blobs, "demo", (one, other), now)

    wanted = [f"demo/RecommendationsRefreshed-{name}" for name in ("home-1", "home-2", "pdp-2")]
    assert one.got == other.got == wanted == list(first.sent)
    assert (second.sent, second.waiting) == ((), 0)
    assert announcements(blobs, "demo") == []


def test_a_closed_receiver_keeps_what_is_for_it_and_the_others_get_nothing_twice(blobs):
    announce(blobs, refreshed("home", 1), refreshed("home", 2))
    open_, closed = Notebook("open"), Notebook("closed", refuses=True)

    first = deliver(blobs, "demo", (open_, closed), now)
    left = waiting(blobs, "demo")
    closed.refuses = False
    second = deliver(blobs, "demo", (open_, closed), now)

    assert (first.sent, first.waiting, first.trouble) == ((), 2, "closed is closed")
    assert [each.delivery.taken_by for each in left] == [("open",), ()]
    assert second.waiting == 0
    assert open_.got == closed.got == [f"demo/RecommendationsRefreshed-home-{n}" for n in (1, 2)]


def test_what_another_process_is_sending_is_left_alone_until_its_claim_runs_out(blobs):
    announce(blobs, refreshed("home", 1))
    inner, outer = Notebook("notebook"), Notebook("notebook")

    class Slow(Notebook):
        def send(self, announcement: Announcement) -> None:
            self.meanwhile = deliver(blobs, "demo", (inner,), now)
            super().send(announcement)

    slow = Slow()
    deliver(blobs, "demo", (slow,), now)
    again = deliver(blobs, "demo", (outer,), later)

    assert (slow.meanwhile.sent, slow.meanwhile.waiting) == ((), 1)
    assert (slow.got, inner.got, outer.got) == (["demo/RecommendationsRefreshed-home-1"], [], [])
    assert again.waiting == 0


@pytest.mark.slow
def test_killed_after_sending_it_is_sent_again_with_the_same_id_and_bytes_when_the_claim_ran_out(store, receiver):
    blobs = store.open()
    announce(blobs, refreshed("home", 1))
    command = [sys.executable, "-c", KILLED, store.url, receiver.url]
    killed = subprocess.run(command, env=os.environ | store.environ, cwd=ROOT, check=False)
    sink = WebhookSink(receiver.url, "", now)

    at_once = deliver(blobs, "demo", (sink,), now)
    after = deliver(blobs, "demo", (sink,), later)

    assert killed.returncode == -signal.SIGKILL
    assert (at_once.waiting, after.waiting) == (1, 0)
    assert receiver.ids == ["demo/RecommendationsRefreshed-home-1"] * 2
    assert receiver.got[0][1] == receiver.got[1][1]


def test_a_deliverer_that_died_before_it_could_clear_up_sends_nothing_again(blobs):
    announce(blobs, refreshed("home", 1))
    notebook = Notebook()
    deliver(blobs, "demo", (notebook,), now)
    announce(blobs, refreshed("home", 1))  # as it stood before the last step

    unfinished, newcomer = waiting(blobs, "demo"), Notebook("newcomer")
    done = deliver(blobs, "demo", (notebook, newcomer), now)

    assert unfinished == newcomer.got == []
    assert notebook.got == ["demo/RecommendationsRefreshed-home-1"]
    assert done.waiting == 0
    assert announcements(blobs, "demo") == []


def test_without_receivers_announcements_wait_and_are_let_go_after_a_month(blobs):
    announce(blobs, refreshed("home", 1))

    kept = deliver(blobs, "demo", (), now)
    (entry,) = blobs.entries(outbox_prefix("demo"))
    gone = deliver(blobs, "demo", (), lambda: entry.modified + timedelta(days=31))

    assert (kept.waiting, gone.waiting) == (1, 0)


def test_records_of_deliveries_are_let_go_after_a_month(blobs):
    announce(blobs, refreshed("home", 1))
    deliver(blobs, "demo", (Notebook(),), now)
    (entry,) = blobs.entries(delivery_key("demo", ""))

    deliver(blobs, "demo", (Notebook(),), lambda: entry.modified + timedelta(days=31))

    assert list(blobs.entries(delivery_key("demo", ""))) == []


class Mortal:
    """A store whose user dies after its first deletion."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs, self._dead = blobs, False

    def __getattr__(self, name: str) -> Any:
        if self._dead:
            raise InterruptedError
        return getattr(self._blobs, name)

    def delete(self, key: str) -> None:
        self._blobs.delete(key)
        self._dead = True


def test_who_dies_while_letting_go_sends_nothing_again(blobs):
    announce(blobs, refreshed("home", 1))
    notebook = Notebook()
    deliver(blobs, "demo", (notebook,), now)
    announce(blobs, refreshed("home", 1))  # as it stood before the last step
    (entry,) = blobs.entries(delivery_key("demo", ""))

    with pytest.raises(InterruptedError):
        deliver(Mortal(blobs), "demo", (notebook,), lambda: entry.modified + timedelta(days=31))
    deliver(blobs, "demo", (notebook,), now)

    assert notebook.got == ["demo/RecommendationsRefreshed-home-1"]


def test_a_webhook_gets_a_signed_cloud_event(blobs, receiver):
    day = NOON.date()
    announce(blobs, TrainingStarted(tenant="demo", run_id="r1", day=day, algorithms=("als",), at=NOON))
    secret = "whsec_" + base64.b64encode(b"a key of the shop").decode()

    deliver(blobs, "demo", (WebhookSink(receiver.url, secret, now),), now)

    ((headers, body),) = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(b"a key of the shop", signed, hashlib.sha256).digest()).decode()
    event = json.loads(body)
    assert headers["webhook-signature"] == f"v1,{mac}"
    assert headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert headers["content-type"] == "application/cloudevents+json"
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", "ModelTrainingStarted", "recsys/demo")
    assert event["data"]["algorithms"] == ["als"]


@pytest.mark.parametrize(("answers", "taken"), [([503, 429], True), ([500, 500, 500], False), ([410], False)])
def test_a_busy_webhook_is_asked_again_and_one_that_refuses_is_not(blobs, receiver, answers, taken):
    announce(blobs, refreshed("home", 1))
    receiver.answers += answers

    done = deliver(blobs, "demo", (WebhookSink(receiver.url, "", now),), now)

    assert (done.waiting == 0) is taken
    assert (str(answers[-1]) in done.trouble) is not taken
    assert "hidden" not in done.trouble
    assert receiver.answers == []


def test_a_webhook_that_is_not_there_is_named_without_its_secrets(blobs):
    announce(blobs, refreshed("home", 1))

    done = deliver(blobs, "demo", (WebhookSink("http://ana:pass@127.0.0.1:9/hook?key=hidden", "", now),), now)

    assert done.trouble == "http://127.0.0.1:9/hook cannot be reached (ConnectError)"


def test_another_tenants_announcements_stay_where_they_are(blobs):
    announce(blobs, refreshed("home", 1))

    done = deliver(blobs, "other", (Notebook(),), lambda: datetime.now(UTC))

    assert done == ((), 0, "")
    assert len(announcements(blobs, "demo")) == 1
