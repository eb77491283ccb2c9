"""The ledger against a real MLflow on SQLite; one database for the file, one tenant per test."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from data_contracts.manifest import Evaluation, File, Lineage, Manifest, Window, canonical
from recsys_pipelines.algorithms.popularity import Popularity
from recsys_pipelines.tracking import Ledger, TrackedRun, TrackingFailed, aliases, move_aliases, params_of, track

pytestmark = [
    pytest.mark.slow,  # imports MLflow, creates its database
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning"),  # MLflow's own mappers
]

NOW = datetime(2026, 1, 29, 2, tzinfo=UTC)


@pytest.fixture(scope="session")
def ledger(tmp_path_factory):
    """A database that does not exist before the first test asks for it."""
    return Ledger.from_environ({}, tmp_path_factory.mktemp("mlflow") / "not yet")


@pytest.fixture(scope="session")
def client(ledger):
    """MLflow's own view of the ledger."""
    from mlflow import MlflowClient  # noqa: PLC0415  # 5 s, only where it is used

    return MlflowClient(ledger.uri, ledger.uri)


def run(tenant, key="first", **more):
    """What is tracked of one candidate."""
    facts = {"metrics": {"ndcg@10": 0.25, "coverage": 0.5}, "params": {"als.factors": 64}, "tags": {"git_sha": "abc"}}
    return TrackedRun(**{"tenant": tenant, "surface": "home", "key": key, "at": NOW, **facts, **more})


def manifest(tracked, tenant, generation):
    """The manifest of a tracked candidate, as far as the ledger is concerned."""
    lineage = Lineage(
        data_fingerprint="d",
        config_hash="c",
        mlflow_run_id=tracked.run_id,
        model_name=tracked.model_name,
        model_version=tracked.version,
    )
    return Manifest(
        schema="recsys.manifest/2",
        tenant=tenant,
        surface="home",
        generation=generation,
        parent=None,
        created_at=NOW,
        engine_api=">=1,<2",
        window=Window(NOW, NOW),
        config=File(name="config", uri="blobs/x", sha256="0" * 64, bytes=0),
        artifacts=(),
        lineage=lineage,
        evaluation=Evaluation(decision="promoted"),
    )


def test_a_candidate_becomes_a_run_with_a_version(ledger, client, tmp_path):
    report = tmp_path / "report.html"
    report.write_text("<p>fine</p>")

    tracked = track(run("acme", reports=(report,)), ledger)

    found = client.get_run(tracked.run_id)
    assert tracked.model_name == "recsys-acme-home"
    assert client.get_experiment(found.info.experiment_id).name == "recsys-acme"
    assert found.info.status == "FINISHED"
    assert found.data.params == {"als.factors": "64"}
    assert found.data.metrics == {"ndcg_at_10": 0.25, "coverage": 0.5}
    assert (found.data.tags["git_sha"], found.data.tags["surface"]) == ("abc", "home")
    assert [file.path for file in client.list_artifacts(tracked.run_id, "report")] == ["report/report.html"]
    assert client.get_model_version(tracked.model_name, tracked.version).run_id == tracked.run_id
    assert aliases("acme", "home", ledger) == {"candidate": tracked.version}


def test_tracking_the_same_candidate_again_changes_nothing(ledger, client):
    first = track(run("twice"), ledger)

    again = track(run("twice", at=datetime(2026, 1, 30, tzinfo=UTC)), ledger)

    assert again == first
    assert len(client.get_metric_history(first.run_id, "coverage")) == 1


def test_another_candidate_is_another_version(ledger):
    first = track(run("changing", key="first"), ledger)

    second = track(run("changing", key="second"), ledger)

    assert (int(first.version), int(second.version)) == (1, 2)
    assert aliases("changing", "home", ledger) == {"candidate": "2"}


def test_surfaces_of_a_tenant_have_models_of_their_own(ledger):
    home = track(run("wide"), ledger)

    cart = track(replace(run("wide"), surface="cart"), ledger)

    assert (home.model_name, cart.model_name) == ("recsys-wide-home", "recsys-wide-cart")
    assert home.run_id != cart.run_id


def test_an_interrupted_run_is_completed(ledger, client, tmp_path):
    report = tmp_path / "report.md"
    with pytest.raises(TrackingFailed, match=r"report\.md"):
        track(run("killed", reports=(report,)), ledger)
    report.write_text("late")

    tracked = track(run("killed", reports=(report,)), ledger)

    runs = client.search_runs([client.get_experiment_by_name("recsys-killed").experiment_id])
    assert [(each.info.run_id, each.info.status) for each in runs] == [(tracked.run_id, "FINISHED")]
    assert runs[0].data.metrics["coverage"] == 0.5


def test_more_settings_than_mlflow_takes_at_once_are_all_kept(ledger, client):
    params = {f"setting.{n}": n for n in range(230)}

    tracked = track(run("verbose", params=params), ledger)

    assert client.get_run(tracked.run_id).data.params == {name: str(value) for name, value in params.items()}


def test_the_champion_follows_what_is_published(ledger, client):
    first, second = (track(run("ring", key=key), ledger) for key in ("first", "second"))

    followed = [move_aliases(manifest(tracked, "ring", n), ledger) for n, tracked in enumerate((first, second), 1)]

    assert [each.moved for each in followed] == [True, True]
    assert aliases("ring", "home", ledger) == {
        "candidate": second.version,
        "champion": second.version,
        "previous": first.version,
    }
    assert client.get_model_version(second.model_name, second.version).tags["manifest_generation"] == "2"


def test_a_rollback_crowns_the_earlier_version(ledger):
    first, second = (track(run("back", key=key), ledger) for key in ("first", "second"))
    for generation, tracked in enumerate((first, second), 1):
        move_aliases(manifest(tracked, "back", generation), ledger)

    move_aliases(manifest(first, "back", 1), ledger)

    moved = aliases("back", "home", ledger)
    assert (moved["champion"], moved["previous"]) == (first.version, second.version)


def test_moving_to_where_the_alias_is_already_keeps_the_previous_one(ledger):
    first, second = (track(run("still", key=key), ledger) for key in ("first", "second"))
    for tracked, generation in ((first, 1), (second, 2), (second, 2)):
        move_aliases(manifest(tracked, "still", generation), ledger)

    assert aliases("still", "home", ledger)["previous"] == first.version


def test_the_version_points_at_the_manifest(ledger, client, tmp_path):
    tracked = track(run("pointing"), ledger)
    published = manifest(tracked, "pointing", 1)

    move_aliases(published, ledger)

    source = client.get_model_version(tracked.model_name, tracked.version).source
    kept = client.download_artifacts(tracked.run_id, "manifest/manifest.json", str(tmp_path))
    assert source.endswith(f"{tracked.run_id}/artifacts/manifest")
    assert Path(kept).read_bytes() == canonical(published)


def test_trouble_after_the_pointer_moved_is_reported_and_not_raised(ledger):
    tracked = track(run("trouble"), ledger)
    lost = manifest(tracked._replace(model_name="recsys-nobody-home"), "trouble", 7)

    followed = move_aliases(lost, ledger)

    assert not followed.moved
    assert "generation 7 is served, but the aliases did not move" in followed.note
    assert "recsys-nobody-home" in followed.note


def test_a_generation_without_a_version_moves_no_alias(ledger):
    tracked = track(run("untracked"), ledger)

    followed = move_aliases(manifest(tracked._replace(version=""), "untracked", 3), ledger)

    assert followed == (False, "generation 3 was published without a model version")


def test_a_server_that_is_not_there_is_named_without_its_password(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(TrackingFailed) as caught:
        track(run("nowhere"), Ledger("http://ann:secret@127.0.0.1:9"))

    assert str(caught.value).startswith("MLflow at http://127.0.0.1:9: ")
    assert "secret" not in str(caught.value)


def test_settings_are_named_by_artifact():
    assert params_of({"trending": Popularity(limit=5, half_life_days=2.0)}) == {
        "trending.algorithm": "popularity",
        "trending.limit": 5,
        "trending.half_life_days": 2.0,
        "trending.per_category": True,
        "trending.per_user_segment": False,
        "trending.per_trait": (),
        "trending.minimum_people": 50,
        "trending.trait_shrinkage": 100.0,
    }


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        pytest.param({}, ("sqlite:////data/mlflow/mlflow.db", "file:///data/mlflow/artifacts"), id="embedded"),
        pytest.param({"RECSYS_MLFLOW": "http://mlflow:5000"}, ("http://mlflow:5000", None), id="a server"),
        pytest.param(
            {"RECSYS_MLFLOW": "postgresql://db/mlflow", "RECSYS_MLFLOW_ARTIFACTS": "s3://bucket/mlflow"},
            ("postgresql://db/mlflow", "s3://bucket/mlflow"),
            id="a database and a bucket",
        ),
    ],
)
def test_the_environment_says_where_mlflow_is(environ, expected):
    assert Ledger.from_environ(environ, Path("/data/mlflow")) == Ledger(*expected)
