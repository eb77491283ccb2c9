import io
import json

import pytest

from serving.call import Call
from serving.logs import AccessLog, json_log


def line(call, scope, **options):
    """What the access log says of a request; None if it says nothing."""
    out = io.BytesIO()
    AccessLog(out, lambda tenant, user: f"<{tenant}:{len(user)}>", **options).write(call, scope)
    return json.loads(out.getvalue()) if out.getvalue() else None


def scope(path="/v1/recommend", **parts):
    return {"method": "POST", "path": path, "route_handler": object()} | parts


def test_a_line_tells_what_was_answered_and_how_long_it_took():
    call = Call("r1", 0.0, status=200, tenant="demo", surface="home", generation=3, returned=20, fallback_level=2)
    call.ended, call.seconds = 1_772_416_800.0, 0.0015

    assert line(call, scope()) == {
        "event": "request", "timestamp": "2026-03-02T02:00:00Z", "level": "info", "request_id": "r1",
        "method": "POST", "path": "/v1/recommend",
        "status": 200, "ms": 1.5, "tenant": "demo", "surface": "home", "generation": 3, "returned": 20,
        "fallback_level": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("status", "level"), [(200, "info"), (404, "warning"), (503, "error"), (0, "info")])
def test_the_level_is_that_of_the_status(status, level):
    assert line(Call("r1", 0.0, status=status), scope())["level"] == level


def test_a_user_in_a_path_is_a_pseudonym():
    parts = {"path_params": {"user_id": "recs"}, "path_template": "/recs/{user_id}"}

    found = line(Call("r1", 0.0, status=200, tenant="demo"), scope("/recs/recs", **parts))

    assert found["path"] == "/recs/~<demo:4>"


def test_an_item_in_a_path_stays():
    parts = {"path_params": {"item_id": "a-1"}, "path_template": "/items/{item_id}/similar"}

    assert line(Call("r1", 0.0, status=200), scope("/items/a-1/similar", **parts))["path"] == "/items/a-1/similar"


@pytest.mark.parametrize(
    ("path", "shown"), [("/recs/u1/typo", "/recs/..."), ("/", "//..."), ("/" + "x" * 999, "/" + "x" * 64 + "/...")]
)
def test_of_a_path_that_no_route_knows_only_the_beginning_is_kept(path, shown):
    assert line(Call("r1", 0.0, status=404), {"method": "GET", "path": path})["path"] == shown


def test_good_answers_can_be_left_out():
    assert line(Call("r1", 0.0, status=200), scope(), only_errors=True) is None
    assert line(Call("r1", 0.0, status=400), scope(), only_errors=True)["status"] == 400


def test_a_reader_that_has_gone_away_stops_nothing():
    out = io.BytesIO()
    log, access = json_log(out), AccessLog(out, lambda tenant, user: user)
    out.close()

    log.error("anything")
    access.write(Call("r1", 0.0, status=200), scope())


def test_events_are_lines_of_json_with_the_exception_in_them():
    out = io.BytesIO()

    try:
        raise ValueError("no")
    except ValueError:
        json_log(out).error("broken", place="demo/home", exc_info=True)

    found = json.loads(out.getvalue())
    assert (found["event"], found["level"], found["place"]) == ("broken", "error", "demo/home")
    assert "ValueError: no" in found["exception"]


def test_requests_leave_no_user_in_the_log_of_a_server(world, capsysbinary):
    world.publish("a")
    with world.client() as client:
        client.get("/recs/somebody-private?limit=3")
        client.get("/recommendations?userId=somebody-private")
        client.get("/recs/somebody-private/and-more")
        client.post("/v1/recommend", json={"surface": "home", "user": {"user_id": "somebody-private"}})
        client.app.settle()
        written = capsysbinary.readouterr().out

    assert written.count(b'"event":"request"') == 4
    assert b"private" not in written
