"""Publishing, over every store, while others publish, read, or die: what is served changes whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from threading import Barrier, Event, Thread

import pytest

from data_contracts.generations import numbers, read_manifest
from data_contracts.layout import history_key, manifest_key, outbox_key
from recsys_algo.loading import LoadFailed, load
from recsys_pipelines.pointers import LostRace
from recsys_pipelines.publish import STEPS

DAY = timedelta(days=1)
TELLING = ("manifest", "pointer")  # the others take their time: each is a process
KILLED_AFTER = [step if step in TELLING else pytest.param(step, marks=pytest.mark.slow) for step in STEPS]


@pytest.fixture
def undisturbed(publisher, second_store, tmp_path):
    """A press whose publishers are left alone."""
    return publisher.Press(second_store, tmp_path, "sketched")


@pytest.mark.parametrize("step", KILLED_AFTER)
def test_the_first_publisher_killed_between_any_two_steps_is_made_good_by_the_next(press, undisturbed, step):
    undisturbed.serve("i-1")

    press.kill("i-1", step)
    half = press.state()
    press.serve("i-1")

    assert press.state() == undisturbed.state()
    assert (half == undisturbed.state()) == (step in ("history", "sweep"))


@pytest.mark.parametrize("step", KILLED_AFTER)
def test_a_publisher_killed_between_any_two_steps_leaves_the_old_release_or_the_new(loadable, step):
    loadable.serve("i-2")

    loadable.kill("i-1", step)
    left = load(loadable.blobs, "demo", "home", loadable.folder / "cache").bundle.generation
    again = loadable.serve("i-1")

    assert left == (2 if STEPS.index(step) >= STEPS.index("pointer") else 1)
    assert (again.generation, loadable.moves()) == (2, [(None, 1), (1, 2)])


@pytest.mark.slow
@pytest.mark.parametrize("step", ["pointer", "outbox"])
def test_another_release_after_a_kill_completes_the_record_of_the_first(press, step):
    press.kill("i-1", step)

    press.serve("i-2")

    assert press.moves() == [(None, 1), (1, 2)]
    assert press.blobs.size(outbox_key("demo", "home", 1))


@pytest.mark.slow
def test_a_later_run_with_another_clock_uses_the_manifest_that_was_left(press):
    press.kill("i-1", "manifest")

    published = press.serve("i-1", now=press.now + DAY)

    assert (published.generation, published.manifest.created_at, published.unchanged) == (1, press.now, False)
    assert numbers(press.blobs, "demo", "home") == [1]


@pytest.mark.slow
def test_a_left_manifest_of_other_content_is_passed_over(press):
    press.kill("i-1", "manifest")

    published = press.serve("i-2")

    assert (published.generation, published.manifest.parent) == (2, None)


@pytest.mark.slow
def test_a_left_manifest_that_followed_another_parent_is_passed_over(press):
    press.serve("i-2")
    press.kill("i-1", "manifest")
    press.serve("i-3")

    published = press.serve("i-1")

    assert (published.generation, published.manifest.parent) == (4, 3)


def test_a_left_manifest_that_cannot_be_read_is_passed_over(press):
    press.blobs.create(manifest_key("demo", "home", 1), b"{")

    assert press.serve().generation == 2


def race(press, candidates):
    """Publish all, each from a thread and with a store of its own, so that all swap the pointer at once."""
    barrier = Barrier(len(candidates))

    def wait_for_all(step):
        if step == "decision":
            barrier.wait()

    def attempt(candidate):
        try:
            return press.publish(candidate, blobs=press.store.open(), by="racer", after=wait_for_all)
        except LostRace as error:
            return error

    with ThreadPoolExecutor(len(candidates)) as pool:
        return list(pool.map(attempt, candidates))


def test_of_four_publishers_at_once_one_wins_and_the_others_change_nothing_that_is_served(press):
    press.serve("i-1")
    later = press.candidate("i-1", end=press.now + DAY)

    outcomes = race(press, [press.candidate("i-2"), press.candidate("i-3"), press.candidate("i-4"), later])

    winner, *more = [outcome for outcome in outcomes if not isinstance(outcome, LostRace)]
    assert more == []
    assert read_manifest(press.blobs, "demo", "home", press.served()) == winner.manifest
    assert press.moves() == [(None, 1), (1, winner.generation)]
    assert len(list(press.blobs.entries("outbox/"))) == 2
    assert all("racer" in str(outcome) for outcome in outcomes if isinstance(outcome, LostRace))


def test_who_lost_can_run_again_on_top_of_the_winner(press):
    racers = [press.candidate("i-2"), press.candidate("i-3")]
    outcomes = race(press, racers)
    loser = next(racer for racer, outcome in zip(racers, outcomes, strict=True) if isinstance(outcome, LostRace))
    winner = press.served()

    published = press.publish(loser)

    assert published.manifest.parent == winner
    assert press.served() == published.generation


def test_publishers_of_the_same_content_serve_it_once(press):
    outcomes = race(press, [press.candidate("i-2")] * 2)

    assert any(not isinstance(outcome, LostRace) for outcome in outcomes)
    assert len(press.moves()) == 1
    assert press.blobs.read(history_key("demo", "home")).count(b"\n") == 1


@pytest.mark.slow
def test_publisher_processes_that_race_leave_one_chain_of_releases(press):
    press.serve("i-1")
    racers = [press.start(best) for best in ("i-2", "i-3")]

    errors = [racer.communicate()[1] for racer in racers]

    ends = [None, 1, *(to for _, to in press.moves()[1:])]
    assert press.moves() == list(pairwise(ends))
    assert len(press.moves()) - 1 == sum(not error for error in errors) > 0
    assert all(b"LostRace" in error for error in errors if error)


def test_a_reader_that_polls_never_sees_a_half_state(loadable):
    loadable.serve("i-1")
    stop, seen, failures = Event(), [], []

    def poll():
        blobs, tag = loadable.store.open(), None
        while not stop.is_set() and not failures:
            try:
                found = load(blobs, "demo", "home", loadable.folder / "cache", known_tag=tag)
            except LoadFailed as error:
                failures.append(error)
                return
            if found:
                tag = found.pointer_tag
                seen.append((found.bundle.generation, found.manifest.generation))

    reader = Thread(target=poll)
    reader.start()
    for number in range(6):
        loadable.serve(f"i-{number % 2 + 2}")
    while reader.is_alive() and seen[-1:] != [(7, 7)]:
        stop.wait(0.01)
    stop.set()
    reader.join()

    assert failures == []
    assert all(bundle == manifest for bundle, manifest in seen)
    assert [bundle for bundle, _ in seen] == sorted({bundle for bundle, _ in seen})
