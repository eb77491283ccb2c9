import json
from pathlib import Path

import msgspec
import polars as pl
import pytest

from recsys_eval.cli import app, main
from recsys_eval.facts import Estimate, Served
from recsys_eval.report import read

USERS = [f"u{n:02d}" for n in range(60)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """60 users who each chose one item; good.csv puts it first, fair.csv second, bad.csv does not have it."""
    own = [f"i{n % 20:02d}" for n in range(60)]
    other = [f"i{(n + 7) % 20:02d}" for n in range(60)]
    third = [f"i{(n + 3) % 20:02d}" for n in range(60)]
    truth = pl.DataFrame({"user_id": USERS, "item_id": own})
    truth.write_csv(tmp_path / "truth.csv")
    pl.DataFrame({"item_id": [f"i{n:02d}" for n in range(25)], "category": ["a", "b", "c", "d", "e"] * 5}).write_csv(
        tmp_path / "items.csv"
    )
    pl.DataFrame({"user_id": USERS, "item_id": third}).write_csv(tmp_path / "train.csv")
    for name, lists in (("good", (own, other)), ("fair", (other, own)), ("bad", (other, third))):
        ranked = [
            pl.DataFrame({"user_id": USERS, "item_id": items, "rank": [rank] * 60})
            for rank, items in enumerate(lists, start=1)
        ]
        pl.concat(ranked).write_csv(tmp_path / f"{name}.csv")
    return tmp_path


def ran(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0), *capsys.readouterr()


def contest(files: Path, candidate: str, incumbent: str) -> list[str | Path]:
    return [
        *("--candidate", files / f"{candidate}.csv", "--incumbent", files / f"{incumbent}.csv"),
        *("--truth", files / "truth.csv", "--catalog", files / "items.csv"),
    ]


def test_metrics_are_json_on_standard_output_and_nothing_else(files, capsys, golden):
    code, out, err = ran(
        capsys,
        *("metrics", "--recs", files / "fair.csv", "--truth", files / "truth.csv", "--k", "1", "--k", "2"),
        *("--catalog", files / "items.csv", "--train", files / "train.csv"),
    )

    assert (code, err) == (0, "")
    golden("metrics.json", out)


def test_a_metric_can_be_asked_for_by_slice(files, capsys):
    asked = ("metrics", "--recs", files / "fair.csv", "--truth", files / "truth.csv", "--train", files / "train.csv")

    _, out, _ = ran(capsys, *asked, "--sliced", "mrr@10")

    known = {"dimension": "item age", "name": "known", "users": 60, "value": 0.5, "low": 0.5, "high": 0.5}
    assert json.loads(out)["slices"] == [known, known | {"dimension": "user history", "name": "warm"}]


def test_a_metric_that_cannot_be_sliced_is_a_mistake(files, capsys):
    asked = ("metrics", "--recs", files / "fair.csv", "--truth", files / "truth.csv")

    code, _, err = ran(capsys, *asked, "--sliced", "coverage@10")

    assert (code, "'coverage@10' cannot be sliced" in err) == (1, True)


def test_metrics_per_user_go_to_a_file(files, capsys):
    target = files / "per_user.parquet"

    ran(capsys, "metrics", "--recs", files / "good.csv", "--truth", files / "truth.csv", "--per-user", target)

    assert pl.read_parquet(target).select("user_id", "mrr@10").rows() == [(user, 1.0) for user in USERS]


@pytest.mark.parametrize(("candidate", "decision"), [("fair", "suspicious"), ("bad", "rejected")])
def test_the_gate_answers_with_exit_code_2_where_a_release_must_stop(candidate, decision, files, capsys):
    code, out, _ = ran(capsys, "gate", *contest(files, candidate, "fair"))

    assert (code, json.loads(out)["decision"]) == (2, decision)


def test_a_release_that_loses_nothing_passes(files, capsys):
    pl.read_csv(files / "good.csv").filter(pl.col("user_id") != "u00").write_csv(files / "most.csv")

    code, out, _ = ran(capsys, "gate", *contest(files, "most", "most"))

    assert (code, json.loads(out)["decision"]) == (0, "promoted")


def test_without_an_incumbent_the_gate_says_ungated(files, capsys):
    pl.read_csv(files / "good.csv").filter(pl.col("user_id") != "u00").write_csv(files / "most.csv")

    code, out, _ = ran(capsys, "gate", "--candidate", files / "most.csv", "--truth", files / "truth.csv")

    assert (code, json.loads(out)["reason"]) == (3, "there is no incumbent to compare with")


def test_equal_scores_count_against_the_model_unless_asked_otherwise(files, capsys):
    pl.read_csv(files / "good.csv").with_columns(score=pl.lit(0.5)).write_csv(files / "tied.csv")
    asked = ("metrics", "--recs", files / "tied.csv", "--truth", files / "truth.csv", "--k", "1")

    against, ranked = (json.loads(ran(capsys, *asked, *more)[1])["metrics"] for more in ((), ("--ties", "ranked")))

    assert (against["hit_rate@1"], ranked["hit_rate@1"]) == (0.0, 1.0)


def test_scores_without_ranks_are_enough(files, capsys):
    scored = pl.read_csv(files / "good.csv").select("user_id", "item_id", score=-pl.col("rank"))
    scored.write_ndjson(files / "scored.jsonl")

    _, out, _ = ran(capsys, "metrics", "--recs", files / "scored.jsonl", "--truth", files / "truth.csv", "--k", "1")

    assert json.loads(out)["metrics"]["hit_rate@1"] == 1.0


def test_the_gate_looks_at_slices_of_labels_and_of_the_past(files, capsys):
    labels = pl.DataFrame({"user_id": USERS, "segment": ["vip"] * 30 + ["guest"] * 30})
    labels.write_csv(files / "labels.csv")

    _, out, _ = ran(
        capsys, "gate", *contest(files, "bad", "fair"), "--labels", files / "labels.csv", "--train", files / "train.csv"
    )

    found = {(value["dimension"], value["name"], value["users"]) for value in json.loads(out)["slices"]}
    assert found == {
        *(("item age", "known", 60), ("user history", "warm", 60)),
        *(("segment", "vip", 30), ("segment", "guest", 30)),
    }


def timed(files: Path) -> tuple[Path, Path]:
    """Truth of 2026-03-02 and train of the day before, with times."""
    for name, day in (("truth", 2), ("train", 1)):
        rows = pl.read_csv(files / f"{name}.csv").with_columns(ts=pl.lit(f"2026-03-0{day}T00:00:00Z"))
        rows.write_csv(files / f"{name}-timed.csv")
    return files / "truth-timed.csv", files / "train-timed.csv"


def test_a_candidate_that_learned_until_after_the_test_began_is_suspicious(files, capsys):
    truth, _ = timed(files)
    asked = ("gate", "--candidate", files / "fair.csv", "--incumbent", files / "fair.csv", "--truth", truth)

    code, out, _ = ran(capsys, *asked, "--trained-until", "2026-03-02T00:00:01Z")

    assert (code, json.loads(out)["decision"]) == (2, "suspicious")
    assert "it has seen the answers" in json.loads(out)["reason"]


def test_training_data_from_the_test_window_is_an_error(files, capsys):
    truth, train = timed(files)

    fine = ran(capsys, "metrics", "--recs", files / "fair.csv", "--truth", truth, "--train", train)
    code, out, err = ran(capsys, "metrics", "--recs", files / "fair.csv", "--truth", train, "--train", truth)

    assert fine[0] == 0
    assert (code, out) == (1, "")
    assert err.startswith("error: train holds the future")


def test_the_latency_of_a_server_can_stop_a_release(files, capsys):
    served = Served(
        url="http://shop",
        requests=100,
        concurrency=1,
        duration_s=1,
        throughput_rps=Estimate(value=100, low=90, high=110),
        latency_ms={"p95": Estimate(value=80.0, low=70.0, high=90.0)},
    )
    (files / "latency.json").write_bytes(msgspec.json.encode(served))
    (files / "gate.json").write_text('{"maximum_latency_ms": 50}')
    pl.read_csv(files / "good.csv").filter(pl.col("user_id") != "u00").write_csv(files / "most.csv")

    code, out, _ = ran(
        capsys,
        *("gate", *contest(files, "most", "most"), "--gate", files / "gate.json"),
        *("--latency", files / "latency.json"),
    )

    assert (code, json.loads(out)["decision"]) == (2, "rejected")
    assert json.loads(out)["reason"].startswith("95 of 100 answers took at most 80.0 ms; 50.0 ms are allowed")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        pytest.param("u00,i01,-1", "have a rank below 1", id="a negative rank"),
        pytest.param("u00,i00,9", "recommend an item to the same user twice", id="a duplicate row"),
        pytest.param("u00,i01,1", "give one rank to two items", id="a rank twice"),
        pytest.param("u00,i01,nan", "rank 'nan' is not a whole number", id="not a number"),
        pytest.param(",i01,1", "user_id is empty", id="nobody"),
    ],
)
def test_bad_recommendations_are_one_line_that_names_them(row, complaint, files, capsys):
    (files / "odd.csv").write_text(f"user_id,item_id,rank\nu00,i00,1\n{row}\n")

    code, out, err = ran(capsys, "metrics", "--recs", files / "odd.csv", "--truth", files / "truth.csv")

    assert (code, out) == (1, "")
    assert complaint in err


def test_a_truth_without_rows_is_an_error(files, capsys):
    (files / "none.csv").write_text("user_id,item_id\n")

    code, _, err = ran(capsys, "metrics", "--recs", files / "good.csv", "--truth", files / "none.csv")

    assert (code, err) == (1, "error: truth has no rows: there is nobody to evaluate for\n")


def test_the_limits_can_come_from_a_file(files, capsys):
    (files / "gate.json").write_text('{"metric": "recall@1", "minimum_users": 61}')

    _, out, _ = ran(capsys, "gate", *contest(files, "fair", "good"), "--gate", files / "gate.json")

    assert json.loads(out)["metric"] == "recall@1"
    assert "60 users were measured; 61 are needed" in out


def test_a_report_is_written_with_the_verdict(files, capsys):
    code, out, _ = ran(
        capsys, "report", *contest(files, "bad", "fair"), "--out", files / "report", "--title", "shop/home"
    )

    assert code == 2
    assert [Path(path).name for path in json.loads(out)["files"]] == ["report.json", "report.md", "report.html"]
    assert read(files / "report" / "report.json").verdict.decision == "rejected"
    assert "shop / home" in (files / "report" / "report.md").read_text()


def test_a_report_shows_changed_lists_side_by_side_and_how_fast_the_server_is(files, capsys):
    speed = Served(
        url="http://shop",
        requests=9,
        concurrency=1,
        duration_s=1,
        throughput_rps=Estimate(value=9, low=8, high=10),
        latency_ms={"p95": Estimate(value=3.0, low=2.0, high=4.0)},
    )
    (files / "latency.json").write_bytes(msgspec.json.encode(speed))

    ran(
        capsys,
        *("report", *contest(files, "bad", "fair"), "--train", files / "train.csv", "--out", files / "report"),
        *("--latency", files / "latency.json"),
    )

    made = read(files / "report" / "report.json")
    (lost,) = made.samples
    assert (lost.user_id, lost.why, lost.history) == ("u00", "lost most", ("i03",))
    assert [item.item_id for item in lost.incumbent] == ["i07", "i00"]
    assert [item.hit for item in lost.incumbent] == [False, True]
    assert [item.item_id for item in lost.items] == ["i07", "i03"]
    assert made.served == speed


def test_a_report_can_be_rendered_again(files, capsys):
    ran(capsys, "report", *contest(files, "bad", "fair"), "--out", files / "report")

    code, _, _ = ran(capsys, "render", files / "report" / "report.json", "--out", files / "again")

    assert code == 0
    assert (files / "again" / "report.html").read_bytes() == (files / "report" / "report.html").read_bytes()


def test_events_are_split_by_time(files, capsys):
    (files / "events.csv").write_text(
        "user_id,item_id,timestamp\nann,a,2026-03-01\nann,b,2026-03-02\nbob,c,2026-03-03\n"
    )

    code, out, _ = ran(
        capsys,
        *("split", files / "events.csv", "--cut", "2026-03-02", "--train", files / "a.csv", "--test", files / "b.csv"),
    )

    assert (code, json.loads(out)) == (0, {"train": 1, "test": 2})
    assert pl.read_csv(files / "b.csv")["item_id"].to_list() == ["b", "c"]


def test_the_last_event_of_each_user_can_be_held_out(files, capsys):
    (files / "events.csv").write_text("user_id,item_id,ts\nann,a,1772366400\nann,b,1772366401\nbob,c,1772366400\n")

    ran(capsys, "split", files / "events.csv", "--last-k", "1", "--train", files / "a.csv", "--test", files / "b.csv")

    assert pl.read_csv(files / "b.csv")["item_id"].to_list() == ["b"]


def test_events_are_cut_into_folds_that_follow_each_other(files, capsys):
    (files / "events.csv").write_text(
        "user_id,item_id,ts\nann,a,2026-03-01\nann,b,2026-03-03\nann,c,2026-03-04\n", encoding="utf-8"
    )

    code, out, _ = ran(
        capsys,
        *("split", files / "events.csv", "--folds", "2", "--fold-days", "1", "--end", "2026-03-05"),
        *("--train", files / "train-{fold}.csv", "--test", files / "test-{fold}.csv"),
    )

    assert (code, json.loads(out)) == (0, {"folds": [{"train": 1, "test": 1}, {"train": 2, "test": 1}]})
    assert pl.read_csv(files / "test-2.csv")["item_id"].to_list() == ["c"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        pytest.param([], "say either --cut TIME or --last-k COUNT or --folds COUNT", id="neither"),
        pytest.param(["--cut", "2026-03-02", "--last-k", "1"], "say either --cut TIME or", id="both"),
        pytest.param(["--folds", "1"], "put {fold} into the names", id="folds into one file"),
        pytest.param(["--cut", "2020-01-01"], "train would have no rows of the 1 in", id="nothing before the cut"),
        pytest.param(["--cut", "2030-01-01"], "test would have no rows of the 1 in", id="nothing after the cut"),
    ],
)
def test_a_split_with_an_empty_side_is_an_error_and_writes_nothing(options, complaint, files, capsys):
    (files / "events.csv").write_text("user_id,item_id,ts\nann,a,2026-03-01\n")

    code, out, err = ran(
        capsys, "split", files / "events.csv", *options, "--train", files / "a.csv", "--test", files / "b.csv"
    )

    assert (code, out) == (1, "")
    assert complaint in err
    assert not (files / "a.csv").exists()
    assert not (files / "b.csv").exists()


def test_valid_files_are_called_valid(files, capsys):
    code, out, _ = ran(capsys, "validate", "--recs", files / "good.csv", "--truth", files / "truth.csv")

    assert (code, json.loads(out)) == (0, {"valid": True, "checked": ["recs", "truth"], "problems": {}})


def test_every_invalid_file_is_named_with_its_problem(files, capsys):
    (files / "odd.csv").write_text("user_id,item_id,rank\nann,a,0\n")

    code, out, _ = ran(capsys, "validate", "--recs", files / "odd.csv", "--truth", files / "nothing.csv")

    problems = json.loads(out)["problems"]
    assert code == 2
    assert problems["recs"].startswith("recs: 1 row have a rank below 1")
    assert problems["truth"].endswith("nothing.csv does not exist")


def test_a_leak_is_found(files, capsys):
    (files / "a.csv").write_text("user_id,item_id,ts\nann,a,2026-03-05\n")
    (files / "b.csv").write_text("user_id,item_id,ts\nann,b,2026-03-06\n")

    code, out, _ = ran(
        capsys, "validate", "--train", files / "a.csv", "--test", files / "b.csv", "--cut", "2026-03-04T00:00:00Z"
    )

    assert code == 2
    assert json.loads(out)["problems"]["split"].startswith("train holds the future")


def test_a_feature_from_after_the_cut_is_found(files, capsys):
    (files / "users.csv").write_text("user_id,as_of,last_seen\nann,2026-03-04,2026-03-02\nbob,2026-03-05,\n")

    code, out, _ = ran(capsys, "validate", "--features", files / "users.csv", "--cut", "2026-03-04")

    assert code == 2
    assert json.loads(out)["problems"]["users.csv"].startswith("features.as_of is from after the split at 2026-03-04")


def test_given_files_are_checked_without_a_cut(files, capsys):
    code, out, _ = ran(capsys, "validate", "--train", files / "train.csv", "--test", files / "train.csv")

    assert code == 2
    assert json.loads(out)["problems"]["split"].startswith("60 pairs of test stand in train too")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["validate", "--features", "a.csv"], "--features needs --cut", id="features without a cut"),
        pytest.param(["validate", "--cut", "2026-01-01"], "needs both --train and --test", id="a cut of nothing"),
        pytest.param(["metrics", "--recs", "a.csv", "--truth", "b.csv"], "error: b.csv does not exist", id="no file"),
        pytest.param(["metrics"], "parameter --recs requires an argument", id="no option"),
        pytest.param(["measure"], 'Unknown command "measure"', id="no such command"),
        pytest.param(["validate"], "there is nothing to validate", id="nothing to validate"),
        pytest.param(["render", "a.json", "--out", "x"], "a.json is not a report", id="no report"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(arguments, complaint, tmp_path, capsys):
    code, out, err = ran(capsys, *arguments)

    assert (code, out) == (1, "")
    assert complaint in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_a_gate_file_with_a_wrong_field_is_a_mistake(files, capsys):
    (files / "gate.json").write_text('{"tolerence": 0.1}')

    code, _, err = ran(capsys, "gate", *contest(files, "good", "fair"), "--gate", files / "gate.json")

    assert code == 1
    assert "gate.json is not a valid gate" in err
    assert "tolerence" in err


def test_a_metric_without_a_list_length_is_a_mistake(files, capsys):
    (files / "gate.json").write_text('{"metric": "ndcg"}')

    code, _, err = ran(capsys, "gate", *contest(files, "good", "fair"), "--gate", files / "gate.json")

    assert (code, err) == (1, "error: gate.metric 'ndcg' has no list length; write it as ndcg@10\n")


@pytest.mark.parametrize("command", [name for name in app if not name.startswith("-")])
def test_the_help_of_every_command_shows_a_line_to_copy(command, capsys):
    code, out, _ = ran(capsys, command, "--help")

    assert code == 0
    assert f"recsys-eval {command} " in out.replace("Usage: recsys-eval", "")


def test_the_help_says_which_columns_files_have(capsys):
    _, out, _ = ran(capsys, "--help")

    assert "user_id, item_id, and rank (from 1) or score" in out
    assert all(word in out for word in ("validate", "truth", "Start with", "Exit codes"))
