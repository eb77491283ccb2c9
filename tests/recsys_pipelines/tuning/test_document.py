import json

from recsys_pipelines.tuning.document import difference, patch, patched

BODY = b'{"tenant": "demo", "algorithms": {"als": {"factors": 16, "half_life_days": 7}, "popularity": {}}}'


def test_a_change_names_only_what_was_tuned():
    after = json.loads(patched(BODY, patch("als", {"factors": 64, "alpha": 2.5})))

    assert after == {
        "tenant": "demo",
        "algorithms": {"als": {"factors": 64, "half_life_days": 7, "alpha": 2.5}, "popularity": {}},
    }


def test_null_takes_a_field_away():
    after = json.loads(patched(BODY, patch("als", {"half_life_days": None})))

    assert after["algorithms"]["als"] == {"factors": 16}


def test_the_difference_shows_the_lines_that_change():
    told = difference(BODY, patched(BODY, patch("als", {"factors": 64})), "tenant.json")

    changed = [line for line in told.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ['-      "factors": 16,', '+      "factors": 64,']
