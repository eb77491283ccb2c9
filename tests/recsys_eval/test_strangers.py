"""The commands in the hands of somebody who has never seen them: odd files end in one line that names what is odd.

Each case is a file as people really have them, handed to each command that reads such a table.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from recsys_eval.cli import main

USERS = [f"u{n:02d}" for n in range(60)]
ITEMS = [f"i{n % 20:02d}" for n in range(60)]
PEOPLE = [f"s{n:03d}" for n in range(400)]
TABLES = {
    "recs": pl.DataFrame({"user_id": USERS, "item_id": ITEMS, "rank": 1}),
    "truth": pl.DataFrame({"user_id": USERS, "item_id": ITEMS}),
    "arms": pl.DataFrame({"subject_id": PEOPLE, "variant": ["old", "new"] * 200}),
    "sums": pl.DataFrame({"subject_id": PEOPLE, "purchases": [float(n % 7 == 0) for n in range(400)]}),
    "log": pl.DataFrame(
        {"request_id": USERS, "item_id": ITEMS, "rank": 1, "reward": 1.0, "propensity": 0.5, "target": 0.5}
    ),
    "shown": pl.DataFrame({"request_id": USERS, "item_id": ITEMS, "team": ["a", "b"] * 30, "reward": 1.0}),
}
COMMANDS = {
    "metrics": ("metrics", "--recs", "recs", "--truth", "truth"),
    "gate": ("gate", "--candidate", "recs", "--incumbent", "recs", "--truth", "truth"),
    "report": ("report", "--candidate", "recs", "--truth", "truth", "--out", "report"),
    "experiment": ("experiment", "--plan", "plan", "--assignments", "arms", "--users", "sums"),
    "ope": ("ope", "--log", "log", "--resamples", "20"),
    "interleave": ("interleave", "--shown", "shown", "--resamples", "20"),
}
FIRST = {
    "metrics": "recs",
    "gate": "truth",
    "report": "recs",
    "experiment": "sums",
    "ope": "log",
    "interleave": "shown",
}

Asked = Callable[..., list[str]]
every_command = pytest.mark.parametrize(
    "command", sorted(set(COMMANDS) - {"report"})
)  # it reads files as the gate does


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """The arguments of a command, with the files that are given in place of good ones."""
    for name, table in TABLES.items():
        table.write_csv(tmp_path / f"{name}.csv")
    plan = {"experiment_id": "e", "control": "old", "shares": {"old": 0.5, "new": 0.5}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))

    def arguments(command: str, **instead: Path) -> list[str]:
        files = {name: tmp_path / f"{name}.csv" for name in TABLES} | {
            "plan": tmp_path / "plan.json",
            "report": tmp_path / "out",
        }
        first, *rest = COMMANDS[command]
        return [first, *(str((files | instead).get(word, word)) for word in rest)]

    return arguments


def ran(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0), *capsys.readouterr()


def written(path: Path, body: bytes) -> Path:
    path.write_bytes(body)
    return path


@every_command
def test_good_files_are_answered_in_json_and_nothing_else(command, asked, capsys):
    code, out, err = ran(capsys, asked(command))

    assert (code in {0, 2, 3}, err) == (True, "")
    assert json.loads(out)


@every_command
@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        pytest.param("a.csv", b"", "a.csv cannot be read as csv: empty", id="empty"),
        pytest.param("a.csv", b"id,when\n1,2\n", "has no column", id="other columns"),
        pytest.param("a.csv", "user_id\n\xfc\n".encode("latin-1"), "invalid utf-8", id="another encoding"),
        pytest.param("a.csv", "user_id,item_id\n".encode("utf-16"), "has no column", id="two bytes a letter"),
        pytest.param("a.jsonl", b'{"user_id": ', "cannot be read as jsonl", id="cut off"),
        pytest.param("a.jsonl", b"1\n2\n", "cannot be read as jsonl", id="no objects"),
        pytest.param("a.parquet", b"user_id,item_id\n", "cannot be read as parquet", id="CSV called Parquet"),
        pytest.param("a.csv.gz", gzip.compress(b"a,b\n" * 99)[:30] + b"x" * 30, "cannot be read", id="a broken gzip"),
        pytest.param("a.txt", b"user_id,item_id\n", "has no known format in its name", id="another ending"),
        pytest.param("a.parquet.gz", b"", "has no known format in its name", id="Parquet in a gzip"),
    ],
)
def test_a_file_that_is_no_such_table_is_named(name, body, complaint, command, asked, tmp_path, capsys):
    odd = written(tmp_path / name, body)

    code, out, err = ran(capsys, asked(command, **{FIRST[command]: odd}))

    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert complaint in err
    assert err.count("\n") == 1


@every_command
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_folder_is_no_file(ending, command, asked, tmp_path, capsys):
    folder = tmp_path / f"folder.{ending}"
    folder.mkdir()

    code, _, err = ran(capsys, asked(command, **{FIRST[command]: folder}))

    assert (code, err) == (1, f"error: {folder} cannot be read as {ending}: Is a directory\n")


@every_command
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: b"\xef\xbb\xbf" + body, id="a byte order mark"),
        pytest.param(lambda body: body.replace(b"\n", b"\r\n"), id="ends of lines of Windows"),
        pytest.param(lambda body: body.replace(b"\n", b",x\n"), id="a column more"),
        pytest.param(lambda body: body.replace(b"i00", b'"i, ""00"""'), id="quotes and commas"),
        pytest.param(lambda body: body.replace(b"i00", "Öl \U0001f6e2".encode()), id="unicode"),
        pytest.param(lambda body: body.rstrip(b"\n"), id="no end of the last line"),
    ],
)
def test_the_way_a_csv_is_written_does_not_matter(change, command, asked, tmp_path, capsys):
    usual = ran(capsys, asked(command))
    names = [word for word in COMMANDS[command] if word in TABLES]
    odd = {
        name: written(tmp_path / f"odd-{name}.csv", change((tmp_path / f"{name}.csv").read_bytes())) for name in names
    }

    code, out, err = ran(capsys, asked(command, **odd))

    assert (code, err) == (usual[0], "")
    assert out == usual[1]


@every_command
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_the_format_does_not_matter(ending, command, asked, tmp_path, capsys):
    usual = ran(capsys, asked(command))
    names = [word for word in COMMANDS[command] if word in TABLES]
    for name in names:
        table = TABLES[name]
        (table.write_ndjson if ending == "jsonl" else table.write_parquet)(tmp_path / f"{name}.{ending}")

    found = ran(capsys, asked(command, **{name: tmp_path / f"{name}.{ending}" for name in names}))

    assert found == usual


def test_a_name_with_brackets_and_a_star_is_that_file_and_no_pattern(asked, tmp_path, capsys):
    for name in ("truth", "truth [1]*"):
        TABLES["truth"].write_csv(tmp_path / f"{name}.csv")
    TABLES["truth"].head(0).write_csv(tmp_path / "truth 1.csv")

    code, out, _ = ran(capsys, asked("metrics", truth=tmp_path / "truth [1]*.csv"))

    assert (code, json.loads(out)["users"]) == (0, 60)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_numbers_as_ids_are_the_same_ids_in_every_format(ending, asked, tmp_path, capsys):
    """Also floats that are whole, which pandas makes of whole numbers with a gap."""
    numbers = TABLES["recs"].with_columns(user_id=pl.int_range(60).cast(pl.Float64))
    truth = TABLES["truth"].with_columns(user_id=pl.int_range(60))
    truth.write_csv(tmp_path / "numbers.csv")
    writer = {"csv": numbers.cast({"user_id": pl.Int64}).write_csv, "jsonl": numbers.write_ndjson}
    writer.get(ending, numbers.write_parquet)(tmp_path / f"floats.{ending}")

    code, out, _ = ran(capsys, asked("metrics", recs=tmp_path / f"floats.{ending}", truth=tmp_path / "numbers.csv"))

    assert (code, json.loads(out)["metrics"]["hit_rate@10"]) == (0, 1.0)


@pytest.mark.parametrize("command", ["metrics", "gate", "report"])
def test_ids_that_are_written_differently_are_no_score_of_zero(command, asked, tmp_path, capsys):
    TABLES["recs"].with_columns(pl.col("user_id").str.to_uppercase()).write_csv(tmp_path / "upper.csv")

    code, out, err = ran(capsys, asked(command, recs=tmp_path / "upper.csv"))

    assert (code, out) == (1, "")
    assert "no user in common: ['U00'] against ['u00'], for example; are the ids written alike?" in err


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        pytest.param("user_id", [["a"]] * 60, "user_id is List(String), which is not text", id="ids in lists"),
        pytest.param("item_id", [{"a": 1}] * 60, "item_id", id="ids in objects"),
        pytest.param("rank", [1.5] * 60, "rank '1.5' is not a whole number", id="half a rank"),
        pytest.param("rank", [["1"]] * 60, "rank is List(String), which is not a whole number", id="ranks in lists"),
        pytest.param("rank", [None] * 60, "recs.rank is empty in 60 of 60 rows", id="no ranks"),
    ],
)
def test_a_column_of_another_kind_is_named(column, values, complaint, asked, tmp_path, capsys):
    TABLES["recs"].with_columns(pl.Series(column, values)).write_parquet(tmp_path / "odd.parquet")

    code, out, err = ran(capsys, asked("metrics", recs=tmp_path / "odd.parquet"))

    assert (code, out) == (1, "")
    assert complaint in err


def test_ranks_with_a_point_are_ranks(asked, tmp_path, capsys):
    TABLES["recs"].with_columns(rank=pl.lit("1.0")).write_csv(tmp_path / "points.csv")

    assert ran(capsys, asked("metrics", recs=tmp_path / "points.csv"))[0] == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param({"propensity": 0.0}, "propensity 0 of request_id 'u00'", id="propensity 0"),
        pytest.param({"propensity": 1.5}, "propensity 1.5 of request_id 'u00'", id="propensity above 1"),
        pytest.param({"propensity": float("nan")}, "log.propensity is not a number in row 1: 'NaN'", id="nan"),
        pytest.param({"reward": float("inf")}, "log.reward is not a number in row 1: 'inf'", id="inf"),
        pytest.param({"rank": -1}, "log: rank -1 is none; ranks are whole numbers that count from 1", id="negative"),
        pytest.param({"rank": 1e300}, "rank '1e+300' is not a whole number", id="a rank without end"),
    ],
)
def test_a_log_that_cannot_be_is_named(change, complaint, asked, tmp_path, capsys):
    TABLES["log"].with_columns(**{name: pl.lit(value) for name, value in change.items()}).write_csv(
        tmp_path / "odd.csv"
    )

    code, out, err = ran(capsys, asked("ope", log=tmp_path / "odd.csv"))

    assert (code, out) == (1, "")
    assert complaint in err


@pytest.mark.parametrize(
    "column",
    [pytest.param("probability", id="no items"), pytest.param("item_id", id="no probabilities")],
)
def test_a_target_without_a_column_says_so(column, asked, tmp_path, capsys):
    pl.DataFrame({column: ["1"]}).write_csv(tmp_path / "target.csv")

    code, _, err = ran(capsys, [*asked("ope"), "--target", str(tmp_path / "target.csv")])

    assert code == 1
    assert "error: target has no column" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["ope", "--seed", "-1"], 'Invalid value "-1" for --seed. Must be >= 0', id="ope"),
        pytest.param(["interleave", "--seed", "-1"], "for --seed", id="interleave"),
        pytest.param(["gate", "--seed", "-1"], "for --seed", id="gate"),
        pytest.param(["ope", "--clip", "nan"], "for --clip", id="no clip"),
        pytest.param(["metrics", "--k", "99999999999999999999"], "no list is longer than 2147483647", id="too long"),
        pytest.param(["interleave", "--confidence", "nan"], "--confidence is nan", id="no confidence"),
    ],
)
def test_an_option_out_of_range_is_named(arguments, complaint, asked, capsys):
    command, *options = arguments

    code, out, err = ran(capsys, [*asked(command), *options])

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert complaint in err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param(["--users", "0"], 'Invalid value "0" for --users', id="nobody"),
        pytest.param(["--confidence", "1.5"], "the confidence is 1.5; it must lie between 0 and 1", id="too sure"),
        pytest.param(["--wanted-power", "1"], "the wanted power is 1.0; it must lie between 0 and 1", id="certain"),
    ],
)
def test_a_sample_size_without_an_answer_is_a_mistake(options, complaint, capsys):
    usual = ["experiment", "power", "--mean", "0.1", "--deviation", "0.3", "--lift", "0.1"]

    code, out, err = ran(capsys, [*usual, *options])

    assert (code, out) == (1, "")
    assert complaint in err


@pytest.mark.parametrize("halvings", ["0", "-1"])
def test_no_halvings_are_a_mistake(halvings, asked, capsys):
    _, *files = asked("experiment")

    code, _, err = ran(capsys, ["experiment", "same", *files, "--halvings", halvings])

    assert (code, "for --halvings" in err) == (1, True)


def test_lists_of_any_length_may_be_asked_for(asked, capsys):
    """What a metric needs grows with the lists, and not with a number that somebody types."""
    code, out, _ = ran(capsys, [*asked("metrics"), "--k", str(10**9)])

    assert (code, json.loads(out)["metrics"][f"ndcg@{10**9}"]) == (0, 1.0)


def test_scores_without_ranks_are_valid_as_metrics_takes_them(asked, tmp_path, capsys):
    TABLES["recs"].drop("rank").with_columns(score=pl.lit(0.5)).write_csv(tmp_path / "scored.csv")

    code, out, _ = ran(capsys, ["validate", "--recs", str(tmp_path / "scored.csv")])

    assert (code, json.loads(out)["valid"]) == (0, True)


def test_a_file_per_user_is_packed_if_its_name_says_so(asked, tmp_path, capsys):
    ran(capsys, [*asked("metrics"), "--per-user", str(tmp_path / "each.csv.gz")])

    assert gzip.decompress((tmp_path / "each.csv.gz").read_bytes()).startswith(b"user_id,precision@10")


def test_the_report_of_files_says_what_they_held(asked, tmp_path, capsys):
    dated = TABLES["truth"].with_columns(ts=pl.lit("2026-03-02T00:00:00Z"))
    dated.write_csv(tmp_path / "dated.csv")

    pages = []
    for _ in range(2):
        ran(capsys, asked("report", truth=tmp_path / "dated.csv"))
        pages.append(json.loads((tmp_path / "out" / "report.json").read_text()))

    first, second = pages
    assert [(each["table"], each["rows"]) for each in first["quality"]["tables"]] == [("candidate", 60), ("truth", 60)]
    assert first["test"] == {"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T00:00:00.000001Z"}
    assert first["lineage"] == second["lineage"]
    dated.head(59).write_csv(tmp_path / "dated.csv")
    ran(capsys, asked("report", truth=tmp_path / "dated.csv"))
    other = json.loads((tmp_path / "out" / "report.json").read_text())
    assert other["lineage"]["data_fingerprint"] != first["lineage"]["data_fingerprint"]
    assert other["lineage"]["config_hash"] == first["lineage"]["config_hash"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(asked, tmp_path, capsys):
    (tmp_path / "truth.csv").chmod(0)

    code, _, err = ran(capsys, asked("metrics"))

    assert (code, "truth.csv cannot be read as csv: Permission denied" in err) == (1, True)


@pytest.mark.slow
def test_a_reader_that_has_gone_is_said_in_one_line(asked):
    script = "import sys; from recsys_eval.cli import main; main(sys.argv[1:])"
    run = subprocess.Popen(
        [sys.executable, "-c", script, *asked("metrics")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    run.stdout.close()

    err = run.stderr.read().decode()
    run.stderr.close()

    assert (run.wait(), err) == (1, "error: standard output was closed before the answer was written\n")


@pytest.mark.slow
def test_an_answer_is_utf_8_wherever_it_is_printed(asked, tmp_path):
    labels = pl.DataFrame({"user_id": USERS, "segment": "Öl"})
    labels.write_csv(tmp_path / "labels.csv")
    script = "import sys; from recsys_eval.cli import main; main(sys.argv[1:])"
    sliced = ("--labels", str(tmp_path / "labels.csv"), "--sliced", "ndcg@10")

    done = subprocess.run(
        [sys.executable, "-c", script, *asked("metrics"), *sliced],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout)["slices"][0]["name"] == "Öl"
