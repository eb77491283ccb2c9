import json

import pytest

from recsys_pipelines.privacy.texts import Cleaner

REDACT = dict.fromkeys(("email", "phone", "card", "ip", "name"), "redact")


def cleaner(*allowed, **actions):
    return Cleaner(REDACT | actions, lambda value: f"<{len(value)}>", frozenset(allowed))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        pytest.param({"email": "jane@example.com"}, {"email": "[redacted:email]"}, id="by key"),
        pytest.param({"note": "to a@b.de, soon"}, {"note": "to [redacted:email], soon"}, id="a part of a value"),
        pytest.param({"user": {"firstName": "Jane"}}, {"user": {"firstName": "[redacted:name]"}}, id="nested"),
        pytest.param({"cc": ["a@b.de", 1]}, {"cc": ["[redacted:email]", 1]}, id="in a list"),
        pytest.param({"address": {"street": "X", "no": 1}}, {"address": "[redacted:name]"}, id="an object"),
        pytest.param({"phone": 15112345678}, {"phone": "[redacted:phone]"}, id="a number"),
        pytest.param({"n": 4111111111111111}, {"n": "[redacted:card]"}, id="a card as a number"),
        pytest.param({"mobile": True, "name": None}, {"mobile": True, "name": None}, id="nothing told"),
        pytest.param({"email": "[redacted:email]"}, {"email": "[redacted:email]"}, id="redacted already"),
    ],
)
def test_json_is_cleaned_value_by_value(said, kept):
    assert json.loads(cleaner().cleaned(json.dumps(said))) == kept


def test_a_text_that_is_no_json_is_one_value():
    assert cleaner().cleaned("ask jane@example.com") == "ask [redacted:email]"


def test_a_text_without_findings_stays_as_it_was_written():
    assert cleaner().cleaned('{"a" :  1.0}') == '{"a" :  1.0}'


def test_each_kind_has_its_own_action():
    body = '{"email":"a@b.de","ip":"203.0.113.7","name":"Jane"}'

    assert (
        cleaner(email="hash", ip="keep").cleaned(body) == '{"email":"<6>","ip":"203.0.113.7","name":"[redacted:name]"}'
    )


def test_what_is_kept_is_counted_all_the_same():
    each = cleaner(ip="keep")
    each.cleaned('{"a":"203.0.113.7","b":{"email":"a@b.de"}}')

    assert dict(each.seen) == {"ip": 1, "email": 1}


def test_allowed_keys_are_not_searched():
    assert cleaner("support").cleaned('{"support":"help@shop.de"}') == '{"support":"help@shop.de"}'
