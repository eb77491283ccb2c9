"""`recsys tune` on files and on a tenant."""

import json

import pytest

from recsys_pipelines.tracking import Ledger

ROWS = [f"u{user},i{item}" for user in range(14) for item in range(14) if user % 2 == item % 2]
SPACE = ["--algorithm", "cooccurrence", "--space", "min_support=1:50:log", "--set", "cooccurrence.min_support=50"]


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("\n".join(["user_id,item_id", *ROWS]))
    return path


def test_better_settings_are_said_as_options_of_a_backtest(installation, train, tmp_path):
    out = tmp_path / "out.json"

    code = installation.recsys("tune", "--train", str(train), *SPACE, "--trials", "8", "--k", "3", "--json", str(out))

    found = json.loads(out.read_text())
    told = installation.capture.readouterr()
    assert code == 0
    assert found["before"]["value"] == 0.0
    assert found["best"]["value"] > 0.7
    assert f"--set {found['set'][0]}" in told.out
    assert len(told.err.splitlines()) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--algorithm", "als"], "give --train FILE or --tenant NAME", id="nothing to learn from"),
        pytest.param(["--algorithm", "alz", "--train", "train.csv"], "there is no algorithm 'alz'", id="an algorithm"),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--split", "time"], "needs times", id="no times to split by"
        ),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--folds", "0"], "must be at least 1", id="no folds"
        ),
        pytest.param(["--algorithm", "als", "--train", "train.csv", "--trials", "0"], "at least 1", id="no trials"),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--budget-minutes", "0"], "must be above 0", id="no time"
        ),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--json", "/no/such/folder/out.json"],
            "there is no folder /no/such/folder",
            id="nowhere to write",
        ),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--space", "factors=8:1"], "low must be less", id="a space"
        ),
        pytest.param(
            ["--algorithm", "als", "--train", "train.csv", "--space", "factors=0:8"], "cannot be 0", id="beyond a limit"
        ),
        pytest.param(["--algorithm", "als", "--tenant", "nobody"], "no tenant 'nobody'", id="a tenant"),
    ],
)
def test_a_mistake_is_one_line(installation, train, arguments, message):
    code = installation.recsys("tune", *[str(train) if each == "train.csv" else each for each in arguments])

    told = installation.capture.readouterr().err
    assert code == 1
    assert message in told
    assert told.count("\n") == 1


@pytest.mark.slow
def test_a_tenant_gets_a_change_to_review_and_every_trial_in_mlflow(installation):
    installation.published("dirty/clean")
    path = installation.tenants / "clean" / "tenant.json"
    document = json.loads(path.read_bytes()) | {"algorithms": {"popularity": {"limit": 1}}}
    path.write_text(json.dumps(document))
    asked = [
        "tune",
        "--tenant",
        "clean",
        "--algorithm",
        "popularity",
        "--space",
        "limit=1,500",
        "--trials",
        "3",
        "--keep-seen",
    ]

    codes = [installation.recsys(*asked)]
    unchanged = json.loads(path.read_bytes())
    codes.append(installation.recsys(*asked, "--apply"))

    patch = json.loads((installation.home / "tuning" / "clean" / "popularity.patch.json").read_bytes())
    assert codes == [0, 0]
    assert unchanged == document
    assert patch == {"algorithms": {"popularity": {"limit": 500}}}
    assert json.loads(path.read_bytes()) == document | patch
    assert '+      "limit": 500' in installation.capture.readouterr().out
    trials, limits = zip(*logged(installation), strict=True)
    assert (trials, limits[0], set(limits)) == (("0", "1", "2", "3"), "1", {"1", "500"})


def logged(installation):
    """Trial and limit of every run that MLflow has, in order; a trial that is repeated is the same run."""
    from mlflow import MlflowClient  # noqa: PLC0415

    client = MlflowClient(Ledger.from_environ({}, installation.home / "mlflow").uri)
    (experiment,) = client.search_experiments(filter_string="name = 'recsys-clean'")
    runs = client.search_runs([experiment.experiment_id], "tags.surface = 'tuning'")
    return sorted((run.data.tags["trial"], run.data.params["limit"]) for run in runs)
