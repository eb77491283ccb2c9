"""The command on files, its page, and the record that others read."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec
import pytest

import recsys_eval.experiment.page
from recsys_eval.cli import main
from recsys_eval.errors import UnreadableFile
from recsys_eval.experiment import Guardrail, Logs, Objective, analyse
from recsys_eval.experiment.page import html, read, schema

SCHEMA = Path(recsys_eval.experiment.page.__file__).parent / "decision.schema.json"
HOSTILE = "<script>alert('x')</script>"


def ran(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["experiment", *(str(argument) for argument in arguments)])
    return int(stopped.value.code or 0), *capsys.readouterr()


@pytest.fixture
def files(tmp_path: Path, plan, shop):
    """Writes the files of an experiment in which so many of 1,000 convert in each arm; returns the options."""

    def written(old: int, new: int) -> list[str | Path]:
        assignments, users = shop(old=(1_000, old), new=(1_000, new))
        assignments.write_csv(tmp_path / "a.csv")
        users.write_parquet(tmp_path / "u.parquet")
        (tmp_path / "plan.json").write_bytes(msgspec.json.encode(plan))
        return [
            *("--plan", tmp_path / "plan.json"),
            *("--assignments", tmp_path / "a.csv", "--users", tmp_path / "u.parquet"),
        ]

    return written


@pytest.mark.parametrize(
    ("converted", "code", "decision"), [((100, 200), 0, "ship"), ((200, 100), 2, "rollback"), ((100, 101), 3, "hold")]
)
def test_the_exit_code_is_the_decision(converted, code, decision, files, capsys):
    exit_code, out, err = ran(capsys, *files(*converted))

    assert (exit_code, err) == (code, "")
    assert json.loads(out)["decision"] == decision


def test_the_page_is_one_file_that_needs_nothing_else(files, tmp_path, capsys):
    ran(capsys, *files(100, 200), "--html", tmp_path / "new" / "page.html")

    page = (tmp_path / "new" / "page.html").read_text()
    assert page.index("Ship new.") < page.index("Can the numbers be trusted?") < page.index("What changed")
    assert "<svg" in page
    assert not re.search(r"<script|<link|https?://(?!www\.w3\.org)", page)


def test_whatever_stands_in_a_name_is_text_on_the_page(plan, shop):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 200))
    named = assignments.with_columns(assignments["variant"].replace("new", HOSTILE))
    hostile = msgspec.structs.replace(plan, shares={"old": 0.5, HOSTILE: 0.5})

    page = html(analyse(Logs(named, users=users), hostile))

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_a_page_without_any_interval_says_so_without_a_drawing(plan, shop):
    assignments, users = shop(old=(1_000, 0), new=(1_000, 0))

    page = html(analyse(Logs(assignments, users=users), plan))

    assert "<svg" not in page
    assert "Do not decide yet." in page


def test_the_page_shows_the_ramp(plan, shop):
    assignments, users = shop(old=(9_000, 900), new=(1_000, 100))
    ramp = msgspec.structs.replace(plan, shares={"old": 0.9, "new": 0.1}, next_shares={"old": 0.5, "new": 0.5})

    page = html(analyse(Logs(assignments, users=users), ramp, (Objective(name="p99_ms", value=41.0, limit=50.0),)))

    assert "Ramp: go on" in page


def test_the_record_is_read_back_and_its_schema_is_checked_in(plan, shop, tmp_path):
    assignments, users = shop(old=(1_000, 100), new=(1_000, 200))
    full = msgspec.structs.replace(plan, guardrails=(Guardrail(metric="ctr", margin=0.2),))
    found = analyse(Logs(assignments, users=users), full)
    (tmp_path / "decision.json").write_bytes(msgspec.json.encode(found))

    jsonschema.validate(json.loads(msgspec.json.encode(found)), json.loads(schema()))

    assert read(tmp_path / "decision.json") == found
    assert SCHEMA.read_bytes() == schema(), "the record changed; write schema() to decision.schema.json"


def test_what_is_no_decision_is_refused(tmp_path):
    (tmp_path / "x.json").write_text('{"schema": "recsys.experiment/9"}')

    with pytest.raises(UnreadableFile, match=r"x\.json is not the decision of an experiment"):
        read(tmp_path / "x.json")


def test_power_before_anything_runs(capsys):
    """2 (1.96 + 0.8416)^2 0.3^2 / 0.01^2 people per arm for one look."""
    _, out, _ = ran(capsys, "power", "--mean", "0.1", "--deviation", "0.3", "--lift", "0.1", "--users", "60000")

    found = json.loads(out)
    assert found["needed_users_for_one_look"] == pytest.approx(2 * 14_127.9, abs=2)
    assert found["needed_users"] > found["needed_users_for_one_look"]
    assert found["power"] > 0.8


def test_the_control_is_the_same_as_itself(files, capsys):
    code, out, _ = ran(capsys, "same", *files(100, 200), "--halvings", "200")

    assert code == 0
    assert json.loads(out)["conversion"]["halvings"] == 200


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"shares": {"old": 1.0}}, "plan.json is not a valid plan: Expected `float` < 1.0", id="one arm"),
        pytest.param({"sharess": {}}, "unknown field `sharess`", id="unknown field"),
        pytest.param({"primary": "joy"}, "there is no metric 'joy'", id="unknown metric"),
    ],
)
def test_a_plan_that_makes_no_sense_is_a_mistake(change, complaint, files, tmp_path, capsys):
    options = files(100, 200)
    (tmp_path / "plan.json").write_text(json.dumps(json.loads((tmp_path / "plan.json").read_text()) | change))

    code, out, err = ran(capsys, *options)

    assert (code, out) == (1, "")
    assert complaint in err


def test_logs_and_sums_together_are_a_mistake(files, tmp_path, capsys):
    code, _, err = ran(capsys, *files(100, 200), "--exposures", tmp_path / "a.csv")

    assert (code, err) == (1, "error: say either --users, or --exposures and --outcomes\n")


def test_neither_logs_nor_sums_are_a_mistake(files, capsys):
    code, _, err = ran(capsys, *files(100, 200)[:4])

    assert (code, err) == (1, "error: say what came of it: --users FILE, or --exposures FILE and --outcomes FILE\n")


@pytest.mark.parametrize("name", ["a.csv", "u.parquet"])
def test_an_empty_file_is_a_mistake(name, files, tmp_path, capsys):
    options = files(100, 200)
    (tmp_path / name).write_text("")

    code, out, err = ran(capsys, *options)

    assert (code, out) == (1, "")
    assert f"{name} cannot be read" in err


def test_the_log_is_not_given_twice(files, tmp_path, capsys):
    code, _, err = ran(capsys, *files(100, 200), "--log", tmp_path)

    assert (code, err) == (1, "error: --log holds assignments and exposures; do not give them again, nor --users\n")


def test_nobody_knows_who_got_which_arm(files, capsys):
    code, _, err = ran(capsys, *files(100, 200)[:2])

    assert (code, err) == (1, "error: say who got which arm: --assignments FILE, or --log FILES\n")


def test_an_experiment_is_decided_from_the_server_s_log(files, tmp_path, capsys):
    """400 users with one answer each, of whom 10 % and 60 % clicked."""
    options = files(100, 200)[:2]
    (tmp_path / "plan.json").write_text(
        json.dumps(json.loads((tmp_path / "plan.json").read_text()) | {"primary": "ctr", "planned_users": 400})
    )
    lines = [
        {
            "schema": "recsys.exposure/2",
            "ts": "2026-03-01T12:00:00Z",
            "request_id": f"r{n}",
            "tenant": "shop",
            "surface": "home",
            "endpoint": "recommend",
            "subject": {"user": f"u{n}"},
            "manifest_generation": 1,
            "algo_version": "1",
            "experiment": {"id": "e", "variant": ("old", "new")[n % 2]},
            "items": [{"item_id": "x", "rank": 1, "score": 1.0, "source": "als"}],
        }
        for n in range(400)
    ]
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    clicked = [n for n in range(400) if n // 2 % 10 < (6 if n % 2 else 1)]
    (tmp_path / "o.csv").write_text(
        "request_id,item_id,type,ts\n" + "".join(f"r{n},x,click,2026-03-01T12:01:00Z\n" for n in clicked)
    )

    code, out, err = ran(capsys, *options, "--log", tmp_path / "log", "--outcomes", tmp_path / "o.csv")

    assert (code, err) == (0, "")
    assert [json.loads(out)["comparisons"][0][arm] for arm in ("control", "treatment")] == [0.1, 0.6]
