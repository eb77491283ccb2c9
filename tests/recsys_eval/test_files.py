import gzip
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from recsys_eval.errors import UnreadableFile
from recsys_eval.files import read_table, write_table

CSV = "user_id,item_id,rank,score,ts\n007,1,1,0.5,2026-03-01T12:00:00Z\n8,b,2,,2026-03-01T13:00:00+02:00\n"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def written(folder: Path, name: str, body: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


@pytest.mark.parametrize(
    ("name", "body"),
    [
        pytest.param("a.csv", CSV, id="csv"),
        pytest.param("a.csv.gz", gzip.compress(CSV.encode()), id="gzipped csv"),
    ],
)
def test_a_csv_keeps_ids_as_they_are_written(name, body, tmp_path):
    rows = read_table(written(tmp_path, name, body))

    assert rows["user_id"].to_list() == ["007", "8"]
    assert rows["item_id"].to_list() == ["1", "b"]
    assert rows["rank"].to_list() == [1, 2]
    assert rows["score"].to_list() == [0.5, None]
    assert rows["ts"].to_list() == [NOON, NOON.replace(hour=11)]


def test_numeric_ids_in_json_lines_become_strings(tmp_path):
    rows = read_table(written(tmp_path, "a.jsonl", '{"user_id": 7, "item_id": "x", "tags": ["a", "b"]}\n'))

    assert rows.rows() == [("7", "x", ["a", "b"])]


def test_numeric_ids_in_parquet_become_strings(tmp_path):
    pl.DataFrame({"user_id": [7], "item_id": [8], "rank": [1]}).write_parquet(tmp_path / "a.parquet")

    assert read_table(tmp_path / "a.parquet").rows() == [("7", "8", 1)]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        pytest.param([7.0, None, 12.0], ["7", None, "12"], id="whole numbers that a gap made floats"),
        pytest.param([7.0, float("nan")], ["7", None], id="a gap that is no number"),
        pytest.param([7.0, 1.5], ["7.0", "1.5"], id="floats"),
    ],
)
def test_float_ids_are_written_without_a_point_where_all_are_whole(ids, expected, tmp_path):
    pl.DataFrame({"user_id": ids}).write_parquet(tmp_path / "a.parquet")

    assert read_table(tmp_path / "a.parquet")["user_id"].to_list() == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-03-01 12:00:00", id="without an offset it is UTC"),
        pytest.param("1772366400", id="epoch seconds"),
        pytest.param("1772366400.0", id="epoch seconds with a point"),
        pytest.param("1772366400000", id="epoch milliseconds"),
    ],
)
def test_times_are_read_in_utc_whatever_the_column_is_called(text, tmp_path):
    rows = read_table(written(tmp_path, "a.csv", f"user_id,item_id,timestamp\nann,a,{text}\n"))

    assert rows["ts"].to_list() == [NOON]


def test_tags_in_a_csv_are_split(tmp_path):
    assert read_table(written(tmp_path, "a.csv", "item_id,tags\na,red|big\n"))["tags"].to_list() == [["red", "big"]]


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        pytest.param(
            "a.csv", "user_id,rank\nann,1\nbob,first\n", "row 2: rank 'first' is not a whole number", id="a word"
        ),
        pytest.param(
            "a.csv", "user_id,score\nann,high\n", "row 1: score 'high' is not a number", id="a score in words"
        ),
        pytest.param("a.csv", "user_id,ts\nann,yesterday\n", "row 1: ts 'yesterday' is not a time", id="no time"),
        pytest.param("a.csv", "", "a.csv cannot be read as csv: empty CSV", id="an empty file"),
        pytest.param("a.csv", "a,b\n1,2,3\n", "cannot be read as csv: found more fields", id="a row too long"),
        pytest.param(
            "a.csv", "a\n\xfc".encode("latin-1"), "cannot be read as csv: invalid utf-8", id="another encoding"
        ),
        pytest.param("a.jsonl", "{", "cannot be read as jsonl", id="broken JSON"),
        pytest.param("a.parquet", "PAR", "cannot be read as parquet", id="cut off"),
        pytest.param("a.xlsx", "", "has no known format in its name; use csv, jsonl or parquet", id="a spreadsheet"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_reason(name, body, complaint, tmp_path):
    with pytest.raises(UnreadableFile, match=complaint):
        read_table(written(tmp_path, name, body))


@pytest.mark.parametrize("text", ["3", "3.0", "+3"])
def test_a_rank_may_be_written_with_a_point(text, tmp_path):
    assert read_table(written(tmp_path, "a.csv", f"user_id,rank\nann,{text}\n"))["rank"].to_list() == [3]


@pytest.mark.parametrize("rank", ["3.5", "inf", "1e300"])
def test_a_rank_that_is_not_whole_is_refused(rank, tmp_path):
    with pytest.raises(UnreadableFile, match=f"row 1: rank '{rank}' is not a whole number"):
        read_table(written(tmp_path, "a.csv", f"user_id,rank\nann,{rank}\n"))


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        pytest.param("user_id", [["a"]], r"user_id is List\(String\), which is not text", id="ids in lists"),
        pytest.param("item_id", [{"a": 1}], r"item_id is Struct\(.*\), which is not text", id="ids in objects"),
        pytest.param("item_id", [b"x"], "item_id is Binary, which is not text", id="bytes"),
        pytest.param("item_id", [timedelta(1)], "item_id is Duration.*, which is not text", id="spans of time"),
        pytest.param("rank", [True], "rank is Boolean, which is not a whole number", id="yes and no as ranks"),
        pytest.param("score", [NOON], "score is Datetime.*, which is not a number", id="times as scores"),
        pytest.param("score", [{"a": 1.0}], "score is Struct.*, which is not a number", id="objects as scores"),
    ],
)
def test_a_column_of_a_kind_that_it_cannot_be_is_refused(column, values, complaint, tmp_path):
    pl.DataFrame({column: values}).write_parquet(tmp_path / "a.parquet")

    with pytest.raises(UnreadableFile, match=f"a.parquet: {complaint}"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_byte_order_mark_is_no_part_of_a_file(name, tmp_path):
    body = '{"user_id": 7}\n' if name == "a.jsonl" else "user_id\n7\n"

    assert read_table(written(tmp_path, name, BOM_UTF8 + body.encode()))["user_id"].to_list() == ["7"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_empty_text_is_no_id(name, tmp_path):
    body = '{"user_id": "", "team": ""}\n' if name == "a.jsonl" else 'user_id,team\n"",""\n'

    assert read_table(written(tmp_path, name, body.encode())).rows() == [(None, None)]


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match=r"nothing\.csv does not exist"):
        read_table(tmp_path / "nothing.csv")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_what_is_written_can_be_read(name, tmp_path):
    rows = pl.DataFrame({"user_id": ["007"], "item_id": ["a"], "ts": [NOON]})

    write_table(rows, tmp_path / name)

    assert read_table(tmp_path / name).rows() == [("007", "a", NOON)]
