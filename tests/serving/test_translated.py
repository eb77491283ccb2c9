"""Events in the words of other systems."""

import pytest

from serving.translated import translated

CLICK = {"userId": 123, "type": "click", "productId": "p1", "ts": "2025-09-30T07:00:00Z"}
WATCHED = {"event": "VideoWatched", "eventId": "w1", "userId": "v-57", "videoId": "v056"}


def test_camel_case_becomes_ours_and_a_number_an_id():
    fields, spelled = translated(CLICK | {"sessionId": "s", "eventId": "e1", "meta": {"x": 1}})

    assert fields == {
        "event_id": "e1", "user_id": "123", "session_id": "s", "item_id": "p1", "type": "click",
        "ts": "2025-09-30T07:00:00Z", "meta": {"x": 1},
    }  # fmt: skip
    assert (spelled["item_id"], spelled["ts"]) == ("productId", "ts")


@pytest.mark.parametrize(("theirs", "ours"), [("cart", "add"), ("view", "view"), ("purchase", "purchase"), (3, 3)])
def test_types(theirs, ours):
    assert translated(CLICK | {"type": theirs}).fields["type"] == ours


@pytest.mark.parametrize(
    ("watched", "duration", "value"), [(285, 360, 285 / 360), (0, 60, 0.0), (90, 60, 1.0), (1.5, 3, 0.5)]
)
def test_what_was_watched_of_a_video_is_the_value_of_a_view(watched, duration, value):
    sent = WATCHED | {"watchedSeconds": watched, "durationSeconds": duration, "occurredAt": 1767225928000}

    assert translated(sent).fields == {
        "event_id": "w1", "user_id": "v-57", "item_id": "v056", "type": "view", "value": value,
        "ts": "2026-01-01T00:05:28+00:00",
    }  # fmt: skip


@pytest.mark.parametrize("duration", [0, -1, None, "60", True])
def test_a_video_without_a_length_has_no_value(duration):
    assert "value" not in translated(WATCHED | {"watchedSeconds": 5, "durationSeconds": duration}).fields


def test_a_rating_is_the_value_of_a_custom_event():
    sent = {"event": "VideoRated", "eventId": "r", "userId": "u", "videoId": "v", "rating": 4, "occurredAt": "t"}

    assert translated(sent).fields == {
        "event_id": "r", "user_id": "u", "item_id": "v", "type": "custom", "value": 4, "ts": "t",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"),
    [(1767225928, "2026-01-01T00:05:28+00:00"), (1767225928500, "2026-01-01T00:05:28.500000+00:00"), (1e300, 1e300)],
)
def test_numbers_are_seconds_or_milliseconds(number, text):
    assert translated({"ts": number}).fields["ts"] == text


def test_the_same_event_without_an_id_gets_the_same_one_whatever_the_order_of_its_keys():
    first, again = translated(CLICK), translated(dict(reversed(CLICK.items())))
    other = translated(CLICK | {"productId": "p2"})

    assert first.fields["event_id"] == again.fields["event_id"] != other.fields["event_id"]


def test_our_own_words_stay():
    sent = {"event_id": "e", "user_id": "u", "item_id": "i", "type": "add", "ts": "2026-01-01T00:00:00Z", "value": 2}

    assert translated(sent).fields == sent


@pytest.mark.parametrize("sent", [None, 3, "x", [], {"userId": "a", "user_id": "b"}])
def test_what_cannot_be_told_stays_as_it_is(sent):
    assert translated(sent).fields is sent
