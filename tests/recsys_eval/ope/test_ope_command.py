"""The command on files of one's own, and on what the server wrote."""

import gzip
import json
from pathlib import Path

import msgspec
import polars as pl
import pytest

from recsys_eval.cli import main


def ran(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["ope", *(str(argument) for argument in arguments)])
    return int(stopped.value.code or 0), *capsys.readouterr()


def values(out: str) -> dict[str, float]:
    return {each["estimator"]: each["value"] for each in json.loads(out)["estimates"]}


def often(**propensities: float) -> list[dict[str, str | float]]:
    """Items with how likely they were to stand where they do."""
    return [{"item_id": item, "propensity": propensity} for item, propensity in propensities.items()]


@pytest.fixture
def own(tmp_path: Path, exposure) -> list[str | Path]:
    """Two logged answers of home and one of the cart; in the first x was clicked twice and bought, y put into it."""
    logs = tmp_path / "exposures" / "day=2026-03-01"
    logs.mkdir(parents=True)
    lines = [
        exposure("r1", "ann", *often(x=0.5, y=0.5)),
        exposure("r2", "bob", *often(y=0.5, x=0.5)),
        exposure("r3", "bob", *often(z=1.0), surface="cart"),
    ]
    (logs / "a.jsonl").write_bytes(msgspec.json.encode(lines[0]) + b"\n\n")
    with gzip.open(logs / "b.jsonl.gz", "wb") as packed:
        packed.write(b"\n".join(msgspec.json.encode(line) for line in lines[1:]))
    outcomes = tmp_path / "outcomes.jsonl"
    pl.DataFrame(
        {
            "request_id": ["r1", "r1", "r1", "r1", "r9"],
            "item_id": ["x", "x", "x", "y", "x"],
            "type": ["click", "click", "purchase", "add", "click"],
            "value": [1.0, 1.0, 30.0, 7.0, 1.0],
        }
    ).write_ndjson(outcomes)
    pl.DataFrame(
        {"rank": [1, 1, 2, 2], "item_id": ["x", "y", "x", "y"], "probability": [0.9, 0.1, 0.1, 0.9]}
    ).write_csv(tmp_path / "target.csv")
    return ["--exposures", tmp_path / "exposures", "--outcomes", outcomes, "--target", tmp_path / "target.csv"]


def test_our_own_log_is_joined_with_its_outcomes(own, capsys):
    """Weights 1.8, 1.8, .2, .2; one click, with weight 1.8, on four places of two answers."""
    code, out, err = ran(capsys, *own, "--surface", "home")

    assert (code, err) == (0, "")
    assert values(out)["ips"] == pytest.approx(1.8 / 4)
    assert values(out)["item_position"] == pytest.approx(1.8 / 2)
    assert json.loads(out)["logged_value"]["value"] == 0.25


def test_an_answer_that_was_logged_twice_is_one(own, tmp_path, capsys):
    once = ran(capsys, *own, "--surface", "home")
    folder = tmp_path / "exposures" / "day=2026-03-01"
    (folder / "again.jsonl").write_bytes((folder / "a.jsonl").read_bytes())

    assert ran(capsys, *own, "--surface", "home") == once


def test_a_log_in_a_gzip_that_is_broken_is_named(own, tmp_path, capsys):
    whole = (tmp_path / "exposures" / "day=2026-03-01" / "b.jsonl.gz").read_bytes()
    (tmp_path / "exposures" / "c.jsonl.gz").write_bytes(whole[:20] + b"x" * 20)

    code, out, err = ran(capsys, *own)

    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "c.jsonl.gz cannot be read" in err


def test_a_reward_can_be_what_was_paid(own, capsys):
    _, out, _ = ran(capsys, *own, "--surface", "home", "--reward", "value")

    assert values(out)["ips"] == pytest.approx(1.8 * 30 / 4)


def test_a_surface_where_nothing_was_shown_is_a_mistake(own, capsys):
    code, out, err = ran(capsys, *own, "--surface", "search")

    assert (code, out, err) == (1, "", "error: the exposures hold nothing that was shown on search\n")


def test_a_target_that_does_not_speak_of_the_whole_log_is_a_mistake(own, capsys):
    code, _, err = ran(capsys, *own[:4], "--target", _only_first(own[5]))

    assert code == 1
    assert "target says nothing about rank 2 of the log" in err


def _only_first(target: Path) -> Path:
    first = target.with_name("first.csv")
    pl.read_csv(target).filter(pl.col("rank") == 1).write_csv(first)
    return first


def test_a_line_that_is_no_exposure_is_named(own, tmp_path, capsys):
    (tmp_path / "exposures" / "c.jsonl").write_text('{"request_id": "r1"}\n')

    code, _, err = ran(capsys, *own)

    assert code == 1
    assert "c.jsonl, line 1 is no exposure: Object missing required field" in err


def test_a_table_of_one_s_own(small, tmp_path, capsys):
    small().write_csv(tmp_path / "log.csv")

    code, out, _ = ran(capsys, "--log", tmp_path / "log.csv", "--clip", "1.5", "--resamples", "50")

    assert code == 0
    assert values(out)["ips"] == pytest.approx((1 + 1.5) / 4)
    assert json.loads(out)["overlap"]["clipped_share"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param([], "say either --log FILE or --exposures", id="no log"),
        pytest.param(["--exposures", "a.jsonl"], "--exposures needs --outcomes", id="no outcomes"),
        pytest.param(["--log", "no.csv"], "no.csv does not exist", id="no file"),
        pytest.param(["--exposures", "no.jsonl", "--outcomes", "o.csv"], "no.jsonl cannot be read", id="no exposures"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(arguments, complaint, capsys):
    code, out, err = ran(capsys, *arguments)

    assert (code, out) == (1, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_propensity_zero_is_a_mistake_that_names_the_row(small, tmp_path, capsys):
    small(propensity=[0.5, 0.0, 0.5, 0.5]).write_csv(tmp_path / "log.csv")

    code, _, err = ran(capsys, "--log", tmp_path / "log.csv")

    assert code == 1
    assert "propensity 0 of request_id 'a', item_id 'y': a probability is above 0" in err
