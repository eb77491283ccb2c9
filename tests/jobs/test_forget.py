"""One installation is built once, by the real daily run; every test forgets people in a copy of it."""

import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from data_contracts.generations import pointed
from data_contracts.layout import blob_key
from data_contracts.tombstones import read_tombstones
from recsys_pipelines.lake import Lake
from recsys_pipelines.ledger import read_ledger
from recsys_pipelines.privacy.forgetting import forget, found
from recsys_pipelines.privacy.in_landing import Spool
from recsys_pipelines.privacy.keeping import cleaned
from recsys_pipelines.privacy.person import known_as
from recsys_pipelines.privacy.proof import is_our_own, read
from recsys_pipelines.privacy.searching import keepers, search
from recsys_pipelines.verdict import CheckResult, read_verdict
from recsys_pipelines.workshop import Workshop
from serving.app import create_app
from serving.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
JANE, PLAIN = "jane.doe@example.com", "u010"
PHONE = "+49 30 901820"
DAY = datetime(2026, 1, 28, tzinfo=UTC).date()


def personal(folder: Path) -> None:
    """Make a person of u202, as careless sources have them: an address as the id, and more in traits and meta."""
    for name in ("users.csv", "events.csv"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("u202", JANE))
    users = pl.read_csv(folder / "users.csv", infer_schema=False)
    traits = json.dumps({"email": JANE, "name": "Jane Doe", "phone": PHONE})
    is_jane = pl.col("user_id") == JANE
    users.with_columns(traits=pl.when(is_jane).then(pl.lit(traits)).otherwise("traits")).write_csv(folder / "users.csv")
    events = pl.read_csv(folder / "events.csv", infer_schema=False)
    meta = json.dumps({"note": f"call {PHONE}", "referrer": "/login?mail=jane.doe%40example.com"})
    events.with_columns(meta=pl.when(is_jane).then(pl.lit(meta)).otherwise("meta")).write_csv(folder / "events.csv")


def environ(home: Path) -> dict[str, str]:
    return {"RECSYS_HOME": str(home / "home"), "RECSYS_TENANTS": str(home / "tenants")}


def recsys(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RECSYS_", "DAGSTER_"))}
    command = [sys.executable, "-m", "jobs.cli", *arguments]
    return subprocess.run(command, env=clean | environ(home), capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("installation")
    (home / "tenants").mkdir()
    personal(Path(shutil.copytree(ROOT / "examples" / "data" / "ecommerce_mini", home / "tenants" / "demo")))
    ran = recsys(home, "run", "daily", "--tenant", "demo", "--json")
    assert ran.returncode == 0, ran.stderr
    return home


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A copy of the installation; decisions name report folders, which nobody reads here."""
    shutil.copytree(template, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def after(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which both people were forgotten; for tests that change nothing."""
    home = tmp_path_factory.mktemp("after") / "copy"
    shutil.copytree(template, home)
    for user in (PLAIN, JANE):
        forget(Workshop(environ(home)), "demo", user)
    return home


@pytest.fixture
def shop(home: Path) -> Workshop:
    return Workshop(environ(home))


def said(path: Path) -> str:
    """Whatever a file says, compressed or not."""
    if path.suffix == ".parquet":
        return str(pl.read_parquet(path, hive_partitioning=False).to_dicts())
    return path.read_bytes().decode("latin-1")


def files_that_say(home: Path, *words: str) -> list[str]:
    found = [path for path in sorted((home / "home").rglob("*")) if path.is_file() and path.name != "pseudonym.secret"]
    any_word = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words))
    return [str(path.relative_to(home)) for path in found if any_word.search(said(path))]


def anonymous_ids(home: Path, user: str) -> list[str]:
    events = pl.read_csv(home / "tenants" / "demo" / "events.csv", infer_schema=False)
    own = events.filter(pl.col("user_id") == user)["anonymous_id"].drop_nulls().unique()
    users = events.drop_nulls("user_id").filter(pl.col("anonymous_id").is_in(own.implode()))
    alone = users.group_by("anonymous_id").agg(pl.col("user_id").n_unique()).filter(pl.col("user_id") == 1)
    return sorted(alone["anonymous_id"])


def test_personal_data_of_a_source_is_in_no_file_of_the_installation(template):
    assert files_that_say(template, JANE, "jane.doe", "Jane Doe", PHONE) == []


def test_findings_are_reported_without_the_values(template):
    files = read_ledger(Workshop(environ(template)).lake, "demo").files
    findings = {name: count for file in files for name, count in file.findings.items()}

    assert findings["users.traits.name.redact"] == 1
    assert findings["users.traits.email.redact"] == 1
    assert findings["users.user_id.email.hash"] == 1
    assert findings["events.user_id.email.hash"] == findings["events.meta.phone.redact"] > 1


def test_the_same_address_is_the_same_person_in_every_table(template):
    shop = Workshop(environ(template))
    lake, person = shop.lake, shop.pseudonyms("demo").of(JANE)
    events = lake.scan("events", "demo", lake.days("events", "demo")).filter(pl.col("user_id") == person).collect()

    assert lake.read("users", "demo", DAY).filter(pl.col("user_id") == person).height == 1
    assert events.height > 10


def test_verify_names_every_place_before_and_none_after(home):
    before = recsys(home, "forget", "--tenant", "demo", "--user", PLAIN, "--verify", "--json")
    done = recsys(home, "forget", "--tenant", "demo", "--user", PLAIN, "--json")
    after = recsys(home, "forget", "--tenant", "demo", "--user", PLAIN, "--verify")

    stores = {store["store"] for store in json.loads(before.stdout)["stores"] if store["held"]}
    assert (before.returncode, done.returncode, after.returncode) == (1, 0, 0)
    assert stores >= {"lake", "reports and logs", "store (generations)"}
    assert json.loads(done.stdout)["left"] == []
    assert "files and databases of the customer" in after.stdout


@pytest.mark.parametrize("user", [PLAIN, JANE])
def test_a_forgotten_person_is_in_no_file_under_any_id(template, after, user):
    ids = [user, Workshop(environ(after)).pseudonyms("demo").of(user), *anonymous_ids(after, user)]

    kept = [name for name in files_that_say(after, *ids) if "tombstones" not in name and "forgotten" not in name]

    assert len(ids) > 2 or user == PLAIN  # who was never seen with an anonymous id of their own
    assert len(files_that_say(template, *ids)) > 10
    assert kept == []
    assert all(user not in said(path) for path in (after / "home/reports/demo/forgotten").iterdir())


def test_others_keep_every_row(template, after):
    lake, then = Workshop(environ(after)).lake, Workshop(environ(template)).lake
    pseudonym = Workshop(environ(after)).pseudonyms("demo").of(JANE)
    ids = {PLAIN, pseudonym, *anonymous_ids(after, PLAIN), *anonymous_ids(after, JANE)}
    is_own = pl.any_horizontal(pl.col("user_id", "anonymous_id").is_in(list(ids)).fill_null(value=False))

    others = then.scan("events", "demo", then.days("events", "demo")).filter(~is_own).collect()

    assert lake.scan("events", "demo", lake.days("events", "demo")).collect().equals(others)


def test_new_generations_are_served_and_those_that_knew_the_person_are_gone(after):
    shop = Workshop(environ(after))
    at = pointed(shop.store, "demo", "home").pointer

    manifests = [entry.key for entry in shop.store.entries("manifests/demo/home/")]

    assert at.generation == 3  # one more for each of the two
    assert manifests == [f"manifests/demo/home/{at.generation:08d}.json"]
    assert "forgotten" in at.reason


def test_the_proof_is_sealed_and_a_changed_one_is_not(after):
    shop = Workshop(environ(after))
    pseudonyms = shop.pseudonyms("demo")
    proof = read(shop.locations.reports, "demo", pseudonyms.of(PLAIN))

    assert {(each.surface, each.before, each.after) for each in proof.generations} >= {("home", 1, 2)}
    assert is_our_own(proof, pseudonyms)
    assert not is_our_own(replace(proof, linked_ids=99), pseudonyms)


def test_the_tombstone_holds_pseudonyms_only(after):
    shop = Workshop(environ(after))
    people = read_tombstones(shop.store, "demo").tombstones.people

    assert set(people) == {shop.pseudonyms("demo").of(user) for user in (PLAIN, JANE)}
    assert all(len(mark) == 32 for stone in people.values() for mark in stone.marks)


def test_a_server_over_it_knows_the_person_no_more(after):
    settings = environ(after) | {"RECSYS_DEFAULT_TENANT": "demo"}
    asked = {"surface": "home", "context": {"now": "2026-01-29T00:00:00Z"}}

    with TestClient(create_app(Settings.from_environ(settings), settings)) as client:
        answers = [client.post("/v1/recommend", json=asked | {"user": {"user_id": u}}) for u in (PLAIN, JANE, "nobody")]

    assert answers[0].json()["items"] == answers[1].json()["items"] == answers[2].json()["items"]


def test_forgetting_again_changes_nothing_and_a_full_run_brings_nobody_back(after, tmp_path):
    home = Path(shutil.copytree(after, tmp_path / "copy"))
    shop = Workshop(environ(home))
    rows = sum(file.rows for file in read_ledger(shop.lake, "demo").files)
    before = {path: path.read_bytes() for path in (home / "home/lake").rglob("*") if path.is_file()}

    second = forget(shop, "demo", JANE)
    after_it = {path: path.read_bytes() for path in (home / "home/lake").rglob("*") if path.is_file()}
    again = recsys(home, "run", "daily", "--tenant", "demo", "--full", "--json")
    full = sum(file.rows for file in read_ledger(shop.lake, "demo").files)

    assert second.unchanged
    assert after_it == before
    assert again.returncode == 0
    assert full == rows
    assert found(shop, "demo", JANE).held == ()


@pytest.mark.parametrize("step", ["lake", "published"])
def test_killed_on_the_way_it_is_finished_by_the_next_run(home, shop, step):
    script = (
        "import os, signal, sys\n"
        "from recsys_pipelines.privacy.forgetting import forget\n"
        "from recsys_pipelines.workshop import Workshop\n"
        "kill = lambda step: step == sys.argv[1] and os.kill(os.getpid(), signal.SIGKILL)\n"
        f"forget(Workshop(dict(os.environ)), 'demo', {PLAIN!r}, after=kill)\n"
    )
    before = pointed(shop.store, "demo", "home").pointer.generation
    killed = subprocess.run([sys.executable, "-c", script, step], env=os.environ | environ(home), cwd=ROOT, check=False)

    done = recsys(home, "forget", "--tenant", "demo", "--user", PLAIN, "--wait", "30")

    assert killed.returncode == -signal.SIGKILL
    assert done.returncode == 0, done.stdout + done.stderr
    assert found(shop, "demo", PLAIN).held == ()
    assert pointed(shop.store, "demo", "home").pointer.generation > before


# Each puts the person back into one store: what is left out of forgetting must not pass the search.


def in_a_table(shop, home):
    lake = Lake(shop.lake_blobs)
    rows = lake.read("users", "demo", DAY)
    lake.write("users", "demo", DAY, pl.concat([rows.head(1).with_columns(user_id=pl.lit(PLAIN)), rows]))


def in_a_table_of_tomorrow(shop, home):
    Lake(shop.lake_blobs).write("loyalty", "demo", DAY, pl.DataFrame({"subject_id": [PLAIN], "points": [1]}))


def in_a_record(shop, home):
    verdict = read_verdict(shop.lake, "demo", DAY)
    check = CheckResult(
        name="x", table="events", severity="warn", passed=False, observed=1, limit=0, detail="", examples=(PLAIN,)
    )
    changed = {name: getattr(verdict, name) for name in verdict.__struct_fields__} | {"checks": (check,)}
    shop.lake.write_json("verdicts", "demo", DAY, type(verdict)(**changed))


def in_exposures(shop, home):
    line = json.dumps({"subject": {"user": shop.pseudonyms("demo").of(PLAIN)}, "items": []}) + "\n"
    shop.landing.create("exposures/tenant=demo/date=2026-01-28/a.jsonl", line.encode())


def in_server_events(shop, home):
    line = json.dumps({"event_id": "e", "user_id": PLAIN}) + "\n"
    shop.landing.create("events/tenant=demo/date=2026-01-28/a.jsonl", line.encode())


def in_the_spool(shop, home):
    path = home / "home/spool/exposures/tenant=demo/date=2026-01-28/a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"subject": {"user": shop.pseudonyms("demo").of(PLAIN)}}) + '\n{"half": "a li')


def in_dead_letters(shop, home):
    line = '{"reason": "not JSON", "value": "eyJ1c2VyIjogInUwMTAiLA=="}\n'  # {"user": "u010",
    shop.landing.create("dead/tenant=demo/source=s/a.jsonl", line.encode())


def in_a_report(shop, home):
    (home / "home/reports/demo/note.html").write_text(f"<h3>{PLAIN}</h3>")


def in_mlflow_artifacts(shop, home):
    path = home / "home/mlflow/artifacts/demo/run/report.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{PLAIN} (lately: i1):")


def in_a_database(shop, home):
    (path,) = (home / "home").glob("mlflow/mlflow.db")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE note (said TEXT)")
        database.execute("INSERT INTO note VALUES (?)", (json.dumps({"user": PLAIN}),))


def in_blobs_of_no_generation(shop, home):
    ids = [b"u009", PLAIN.encode()]
    arrays = (np.frombuffer(b"".join(ids), np.uint8), np.array([0, 4, 4 + len(ids[1])], np.int64))
    for place, array in enumerate(arrays):
        buffer = io.BytesIO()
        np.save(buffer, array)
        shop.store.create(blob_key("demo", f"{place}" * 64), buffer.getvalue())


def in_the_cache(shop, home):
    in_blobs_of_no_generation(shop, home)
    for place in range(2):
        key = blob_key("demo", f"{place}" * 64)
        path = home / "home/cache" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shop.store.read(key))
        shop.store.delete(key)


PLANTS = {
    in_a_table: "lake",
    in_a_table_of_tomorrow: "lake",
    in_a_record: "lake records",
    in_exposures: "landing (server)",
    in_server_events: "landing (server)",
    in_the_spool: "spool",
    in_dead_letters: "landing (dead letters)",
    in_a_report: "reports and logs",
    in_mlflow_artifacts: "reports and logs",
    in_a_database: "databases",
    in_blobs_of_no_generation: "store (blobs of no generation)",
    in_the_cache: "cache",
}


def test_a_person_put_back_into_any_one_store_is_found_and_forgotten_there(after, tmp_path):
    home = Path(shutil.copytree(after, tmp_path / "copy"))
    shop = Workshop(environ(home))
    person = known_as(shop.store, "demo", PLAIN, shop.pseudonyms("demo"))
    for plant, store in PLANTS.items():
        plant(shop, home)

        held = search(shop, person).held
        assert {each.store for each in held} == {store}, plant.__name__
        assert [list(cleaned(keeper)) for keeper in keepers(shop, person)]
        assert search(shop, person).held == (), plant.__name__


def test_an_old_generation_put_back_is_found_and_removed(after, tmp_path, template):
    home = Path(shutil.copytree(after, tmp_path / "copy"))
    shop = Workshop(environ(home))
    for folder in ("manifests", "blobs"):
        shutil.copytree(template / "home/store" / folder, home / "home/store" / folder, dirs_exist_ok=True)

    held = found(shop, "demo", PLAIN).held
    forget(shop, "demo", PLAIN)

    assert {each.store for each in held} == {"store (generations)"}
    assert found(shop, "demo", PLAIN).held == ()


def test_a_segment_that_is_cleaned_in_place_keeps_its_length_and_its_other_lines(after, tmp_path):
    home = Path(shutil.copytree(after, tmp_path / "copy"))
    shop = Workshop(environ(home))
    in_the_spool(shop, home)
    (path,) = (home / "home/spool").rglob("*.jsonl")
    before = path.read_bytes()
    spool = Spool(home / "home", known_as(shop.store, "demo", PLAIN, shop.pseudonyms("demo")))

    (held,) = cleaned(spool)

    assert held.count == 1
    assert len(path.read_bytes()) == len(before)
    assert path.read_bytes().endswith(b'\n{"half": "a li')
    assert list(cleaned(spool)) == []
