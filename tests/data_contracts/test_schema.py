import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from data_contracts import schema
from data_contracts.schema import SCHEMAS

RECORDS = {
    name: json.loads(Path(__file__).with_name("records").joinpath(f"{name}.json").read_text()) for name in SCHEMAS
}


def examples(kind: str) -> list:
    return [
        pytest.param(name, record, id=f"{name}: {what}")
        for name, found in RECORDS.items()
        for what, record in found[kind].items()
    ]


def faults(name: str, record: object) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(schema.schema(name)).iter_errors(record)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_checked_in_schema_is_the_one_of_the_class(name):
    assert (schema.FOLDER / f"{name}.json").read_text("utf-8") == schema.generated(name), "run: make golden"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_itself_and_names_its_draft(name):
    found = schema.schema(name)

    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("name", "record"), examples("valid"))
def test_schema_and_class_accept(name, record):
    assert faults(name, record) == []
    assert msgspec.json.decode(json.dumps(record), type=SCHEMAS[name])


@pytest.mark.parametrize(("name", "record"), examples("invalid"))
def test_schema_and_class_refuse(name, record):
    assert faults(name, record) != []
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(record), type=SCHEMAS[name])


@pytest.mark.parametrize(("name", "record"), examples("valid"))
def test_what_the_class_writes_the_schema_accepts(name, record):
    written = msgspec.json.encode(msgspec.json.decode(json.dumps(record), type=SCHEMAS[name]))

    assert faults(name, json.loads(written)) == []


def test_writing_repairs_what_is_missing_changed_or_left_over(tmp_path):
    schema.write(tmp_path)
    (tmp_path / "item.json").write_text("{}")
    (tmp_path / "order.json").write_text("{}")
    (tmp_path / "user.json").unlink()

    before = schema.stale(tmp_path)
    schema.write(tmp_path)

    assert (before, schema.stale(tmp_path)) == (["item.json", "order.json", "user.json"], [])


def test_the_command_is_content_when_nothing_is_stale(capsys):
    assert (schema.main(["--check"]), capsys.readouterr().out) == (0, "")


def test_an_unknown_schema_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="assignment, event"):
        schema.schema("nothing")
