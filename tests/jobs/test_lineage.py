"""A release is found again from whatever somebody holds of it, and each of its identities is what it claims to be."""

import json

import dagster as dg
import pytest

from data_contracts.layout import Locations
from jobs.instance import instance
from recsys_pipelines.tracking import Ledger

pytestmark = pytest.mark.slow


@pytest.fixture
def released(installation):
    """An installation that released once, and its first surface's trail."""
    installation.published("dirty/clean")
    trails = installation.json("lineage", "--tenant", "clean")
    return installation, trails[0]


def test_any_identity_of_a_release_leads_to_all_others(released):
    installation, trail = released
    of = trail["lineage"]
    held = [
        of["dagster_run_id"],
        of["mlflow_run_id"],
        f"{of['model_name']}/{of['model_version']}",
        of["data_fingerprint"][:12],
        of["config_hash"][:12],
    ]

    found = [installation.json("lineage", "--tenant", "clean", "--of", each) for each in held]

    assert all(held)
    assert all(trail in each for each in found)
    assert installation.recsys("lineage", "--tenant", "clean", "--of", "no such run") == 1


def test_mlflow_says_of_its_run_and_version_what_the_manifest_says(released):
    from mlflow import MlflowClient  # noqa: PLC0415

    installation, trail = released
    of = trail["lineage"]
    client = MlflowClient(Ledger.from_environ({}, installation.home / "mlflow").uri)

    run = client.get_run(of["mlflow_run_id"])
    version = client.get_model_version(of["model_name"], of["model_version"])

    assert run.data.tags["dagster/run_id"] == of["dagster_run_id"]
    assert run.data.tags["data_fingerprint"] == of["data_fingerprint"]
    assert run.data.tags["config_hash"] == of["config_hash"]
    assert version.run_id == of["mlflow_run_id"]
    assert version.tags["manifest_generation"] == run.data.tags["manifest_generation"] == str(trail["generation"])
    champion = client.get_model_version_by_alias(of["model_name"], "champion")
    assert f"{champion.name}/{champion.version}" == f"{of['model_name']}/{of['model_version']}"


def test_dagster_shows_the_generation_and_the_version_of_its_run(released):
    installation, trail = released
    of = trail["lineage"]

    with instance(Locations.from_environ({"RECSYS_HOME": str(installation.home)})) as opened:
        run = opened.get_run_by_id(of["dagster_run_id"])
        event = opened.get_latest_materialization_event(dg.AssetKey("manifest"))

    shown = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert run.is_success
    assert event.run_id == of["dagster_run_id"]
    assert shown[f"{trail['surface']}/generation"] == trail["generation"]
    assert f"{of['model_name']}/{of['model_version']}" in shown["model_versions"]


def test_the_table_for_people_names_the_same(released):
    installation, trail = released
    installation.capture.readouterr()

    code = installation.recsys("lineage", "--tenant", "clean", "--surface", trail["surface"])

    told = installation.capture.readouterr().out
    assert code == 0
    assert f"clean/{trail['surface']} generation 1" in told
    assert json.dumps(trail["lineage"]["dagster_run_id"]).strip('"') in told
