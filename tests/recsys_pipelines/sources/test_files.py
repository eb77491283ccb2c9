import gzip
import hashlib
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from data_contracts.source_specs import SourceSpec
from recsys_pipelines.sources.files import FileSource
from recsys_pipelines.sources.source import (
    ROW,
    EmptyPart,
    MalformedPart,
    MissingPart,
    Needs,
    Part,
    SchemaDrift,
    UnsetVariable,
    WrongEncoding,
)

CSV = "user,item\nann,café\nbob,\n"
ROWS = [{ROW: 1, "user": "ann", "item": "café"}, {ROW: 2, "user": "bob", "item": None}]
JSONL = '{"user":"ann","item":"café"}\n\n{"user":"bob"}\n'
NEEDS = Needs(("item", "user"), ("item", "user"))


def zstd(body: bytes) -> bytes:
    return pa.Codec("zstd").compress(body, asbytes=True) if body else b""


def parquet(folder: Path) -> bytes:
    path = folder / "made.parquet"
    pl.DataFrame({"user": ["ann", "bob"], "item": ["café", None]}).write_parquet(path)
    body = path.read_bytes()
    path.unlink()
    return body


def read(folder: Path, spec: SourceSpec, needs: Needs = NEEDS) -> list[dict[str, object]]:
    source = FileSource(spec, folder, {})
    found = []
    for part in source.parts():
        with source.rows(part, needs) as rows:
            found += rows.select(ROW, "user", "item").collect().to_dicts()
    return found


@pytest.mark.parametrize(
    ("name", "body", "spec"),
    [
        pytest.param("e.csv", CSV.encode(), {}, id="csv"),
        pytest.param("e.csv", b"\xef\xbb\xbf" + CSV.encode(), {}, id="csv with a byte order mark"),
        pytest.param("e.csv", CSV.replace("\n", "\r\n").encode(), {}, id="csv with line ends of Windows"),
        pytest.param("e.csv.gz", gzip.compress(CSV.encode()), {}, id="csv.gz"),
        pytest.param("e.csv.zst", zstd(CSV.encode()), {}, id="csv.zst"),
        pytest.param("e.tsv", CSV.replace(",", "\t").encode(), {"delimiter": "\t"}, id="tabs"),
        pytest.param("e.dat", CSV.replace(",", "::").encode(), {"delimiter": "::"}, id="a delimiter of two characters"),
        pytest.param("e.csv", CSV.encode("latin-1"), {"encoding": "latin-1"}, id="latin-1"),
        pytest.param("e.csv.gz", gzip.compress(CSV.encode("latin-1")), {"encoding": "latin-1"}, id="latin-1.gz"),
        pytest.param("u.data", CSV.encode(), {"format": "csv"}, id="a name that does not tell the format"),
        pytest.param(
            "e.csv",
            CSV.partition("\n")[2].encode(),
            {"header": False, "column_names": ("user", "item")},
            id="csv without a header",
        ),
        pytest.param("e.jsonl", JSONL.encode(), {}, id="jsonl"),
        pytest.param("e.ndjson.gz", gzip.compress(JSONL.encode()), {}, id="jsonl.gz"),
        pytest.param("e.parquet", parquet, {}, id="parquet"),
        pytest.param("e.parquet.gz", lambda folder: gzip.compress(parquet(folder)), {}, id="parquet.gz"),
    ],
)
def test_a_file_of_any_kind_gives_numbered_rows(tmp_path, name, body, spec):
    (tmp_path / name).write_bytes(body(tmp_path) if callable(body) else body)

    assert read(tmp_path, SourceSpec(path=name, **spec)) == ROWS


def test_text_stays_as_the_file_has_it(tmp_path):
    (tmp_path / "e.csv").write_text('user,item\n007,"1,50"\n')

    assert read(tmp_path, SourceSpec(path="e.csv")) == [{ROW: 1, "user": "007", "item": "1,50"}]


def test_json_values_of_several_types_and_inner_objects_are_text(tmp_path):
    (tmp_path / "e.jsonl").write_text('{"user":0,"item":{"id":"x"}}\n{"user":"view","item":true}\n')

    assert read(tmp_path, SourceSpec(path="e.jsonl")) == [
        {ROW: 1, "user": "0", "item": '{"id": "x"}'},
        {ROW: 2, "user": "view", "item": "true"},
    ]


def test_a_key_that_only_a_late_line_has_is_found(tmp_path):
    lines = ['{"user":"ann"}'] * 1_500 + ['{"user":"bob","item":"x"}']
    (tmp_path / "e.jsonl").write_text("\n".join(lines))

    rows = read(tmp_path, SourceSpec(path="e.jsonl"))

    assert (len(rows), rows[-1]["item"]) == (1_501, "x")


def test_a_folder_is_read_by_name_without_hidden_unfinished_and_foreign_files(tmp_path):
    inside = tmp_path / "in" / "2026"
    inside.mkdir(parents=True)
    for name in ("b.csv", "a.csv", ".c.csv", "_d.csv", "README.md"):
        (inside / name).write_text(f"user,item\n{name},x\n")

    source = FileSource(SourceSpec(path="in"), tmp_path, {})

    assert [part.name for part in source.parts()] == ["in/2026/a.csv", "in/2026/b.csv"]


def test_a_glob_is_read_by_name(tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("e2.csv", "e1.csv", "u1.csv"):
        (tmp_path / "in" / name).write_text(f"user,item\n{name},x\n")

    assert [row["user"] for row in read(tmp_path, SourceSpec(path="in/e*.csv"))] == ["e1.csv", "e2.csv"]


def test_a_name_is_the_same_on_every_machine(tmp_path):
    (tmp_path / "e.csv").write_text(CSV)
    source = FileSource(SourceSpec(path="${DATA}/e.csv"), Path("elsewhere"), {"DATA": str(tmp_path)})

    assert source.parts() == [Part("${DATA}/e.csv", hashlib.sha256(CSV.encode()).hexdigest())]


@pytest.mark.parametrize("environ", [{}, {"DATA": ""}], ids=["not set", "empty"])
def test_a_variable_that_is_not_set_is_named(tmp_path, environ):
    with pytest.raises(UnsetVariable, match=r"'\$\{DATA\}/e.csv' needs the environment variable DATA"):
        FileSource(SourceSpec(path="${DATA}/e.csv"), tmp_path, environ).parts()


@pytest.mark.parametrize("path", ["e.csv", "in/*.csv"])
def test_a_path_without_a_file_is_missing(tmp_path, path):
    with pytest.raises(MissingPart, match="there is no such file"):
        FileSource(SourceSpec(path=path), tmp_path, {}).parts()


@pytest.mark.parametrize("body", [b"", b"\n \n"], ids=["no byte", "white space"])
@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.csv.gz"])
def test_an_empty_file_says_so(tmp_path, name, body):
    (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith("gz") else body)

    with pytest.raises(EmptyPart, match=rf"{name}: the file is empty"):
        read(tmp_path, SourceSpec(path=name))


def test_a_header_alone_is_a_file_without_rows(tmp_path):
    (tmp_path / "e.csv").write_text("user,item\n")

    assert read(tmp_path, SourceSpec(path="e.csv")) == []


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        pytest.param(
            "e.csv",
            "user,item\nann,x\nbob,café\n".encode("latin-1"),
            'byte 0xe9 at offset 23, in line 3, is not UTF-8; if the file is Latin-1, say `"encoding": "latin-1"`',
            id="csv",
        ),
        pytest.param(
            "e.jsonl", '{"user":"café","item":"x"}\n'.encode("latin-1"), "byte 0xe9 at offset 12, in line 1", id="jsonl"
        ),
        pytest.param("e.csv", CSV.encode("utf-16"), "begins like UTF-16", id="utf-16"),
    ],
)
def test_a_wrong_encoding_names_byte_offset_and_line(tmp_path, name, body, said):
    (tmp_path / name).write_bytes(body)

    with pytest.raises(WrongEncoding) as raised:
        read(tmp_path, SourceSpec(path=name))

    assert str(raised.value).startswith(f"{name}: ")
    assert said in str(raised.value)


def test_a_character_that_two_reads_share_is_no_wrong_encoding(tmp_path):
    before = "user,item\n" + "ann,x\n" * 174_760  # 6 bytes before the second megabyte
    (tmp_path / "e.csv").write_text(f"{before}bobxx€,€\neve,x,1\n")
    assert (1 << 20) - len(before) == 6

    with pytest.raises(MalformedPart, match="line 174763 has 3 fields instead of 2"):
        read(tmp_path, SourceSpec(path="e.csv"))


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        pytest.param("e.csv", b"user,item\nann,x\nbob,y,z\n", "line 3 has 3 fields instead of 2: 'bob,y,z'", id="csv"),
        pytest.param("e.jsonl", b'{"user":"ann"}\n{"user":\n', "line 2 is not a JSON object: '{\"user\":'", id="jsonl"),
        pytest.param("e.jsonl", b'{"user":"ann"}\n[1]\n', "line 2 is not a JSON object: '[1]'", id="no object"),
        pytest.param("e.parquet", b"nonsense", "arquet", id="parquet"),
        pytest.param("e.csv.gz", gzip.compress(CSV.encode())[:-12], "tream", id="a file that was cut"),
        pytest.param("e.xml", b"<a/>", "does not tell the format", id="an unknown format"),
    ],
)
def test_a_malformed_file_names_the_place(tmp_path, name, body, said):
    (tmp_path / name).write_bytes(body)

    with pytest.raises(MalformedPart) as raised:
        read(tmp_path, SourceSpec(path=name))

    assert str(raised.value).startswith(f"{name}: ")
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("name", "body"),
    [("e.csv", "userid,item,extra\na,b,c\n"), ("e.jsonl", '{"userid":"a","item":"b","extra":"c"}\n')],
    ids=["csv", "jsonl"],
)
def test_schema_drift_names_missing_unexpected_and_closest_columns(tmp_path, name, body):
    (tmp_path / name).write_text(body)

    with pytest.raises(SchemaDrift) as raised:
        read(tmp_path, SourceSpec(path=name), Needs(("item", "user"), ("item", "user")))

    assert str(raised.value) == (
        f"{name}: schema drift: missing user; not expected userid, extra; perhaps user (is it userid now?); "
        f"the file has {body.count(chr(10))} lines"
    )


def test_a_file_with_more_columns_than_names_is_drift(tmp_path):
    (tmp_path / "e.csv").write_text("ann,x,1\n")

    with pytest.raises(SchemaDrift, match="it has 3 columns, and `column_names` names 2"):
        read(tmp_path, SourceSpec(path="e.csv", header=False, column_names=("user", "item")))


def test_the_inside_of_a_column_needs_only_the_column(tmp_path):
    (tmp_path / "e.jsonl").write_text('{"user":"ann","item":"x","payload":{"id":"p"}}\n')
    needs = Needs(("payload.id",), ("payload.id",))

    with FileSource(SourceSpec(path="e.jsonl"), tmp_path, {}).rows(Part("e.jsonl", ""), needs) as rows:
        assert rows.collect()["payload"].to_list() == ['{"id": "p"}']


def test_a_file_that_vanished_is_missing(tmp_path):
    (tmp_path / "e.csv").write_text(CSV)
    (tmp_path / "f.csv").write_text(CSV)
    source = FileSource(SourceSpec(path="*.csv"), tmp_path, {})
    (tmp_path / "e.csv").unlink()

    with pytest.raises(MissingPart, match=r"e\.csv"), source.rows(Part("e.csv", ""), NEEDS):
        pass


@pytest.mark.parametrize(
    ("name", "body", "spec", "expected"),
    [
        pytest.param(
            "e.csv",
            "n,x,b,t,s,e\n1,1.5,true,2026-01-01,a,\n-2,3,FALSE,2026-01-01T10:00:00Z,\"b,\nc\",\n",
            {},
            {"n": "int", "x": "float", "b": "bool", "t": "time", "s": "text", "e": "empty"},
            id="csv",
        ),
        pytest.param("e.csv", "\ufeffuser,n\nann,1\n", {}, {"user": "text", "n": "int"}, id="a byte order mark"),
        pytest.param("e.dat", "a::1\n", {"delimiter": "::", "header": False, "column_names": ("user", "n")},
                     {"user": "text", "n": "int"}, id="two characters and no header"),
        pytest.param("e.dat", 'a::b\n"c::1\n', {"delimiter": "::"}, {"a": "text", "b": "int"}, id="a lonely quote"),
        pytest.param("e.csv", f"a,b\n{'x' * 200_000},1\n", {}, {"a": "text", "b": "int"}, id="a long field"),
        pytest.param("e.csv", "a,1\n", {"header": False}, {"column_1": "text", "column_2": "int"}, id="no names"),
        pytest.param(
            "e.jsonl",
            '{"n":1,"s":"007","l":[1],"o":{"a":1},"x":1}\n{"n":2,"t":"2026-01-01T00:00:00Z","x":2.5,"e":null}\n',
            {},
            {"n": "int", "s": "text", "l": "list", "o": "object", "x": "float", "t": "time", "e": "empty"},
            id="jsonl",
        ),
        pytest.param("e.csv", "user,n\n", {}, {"user": "empty", "n": "empty"}, id="a header alone"),
    ],
)  # fmt: skip
def test_columns_have_the_type_that_their_first_values_read_as(tmp_path, name, body, spec, expected):
    (tmp_path / name).write_text(body)

    assert FileSource(SourceSpec(path=name, **spec), tmp_path, {}).columns(Part(name, "")) == expected


def test_columns_of_parquet_have_the_types_of_the_file(tmp_path):
    pl.DataFrame({"n": [1], "tags": [["a"]]}).write_parquet(tmp_path / "e.parquet")

    columns = FileSource(SourceSpec(path="e.parquet"), tmp_path, {}).columns(Part("e.parquet", ""))

    assert columns == {"n": "Int64", "tags": "List(String)"}


def test_columns_are_read_from_the_head_alone(tmp_path):
    (tmp_path / "e.csv").write_bytes(b"n\n" + b"1\n" * 10_000 + b"\xff\n")

    assert FileSource(SourceSpec(path="e.csv"), tmp_path, {}).columns(Part("e.csv", "")) == {"n": "int"}


@pytest.mark.parametrize(
    ("name", "body", "error"),
    [
        pytest.param("e.csv", b"", EmptyPart, id="empty"),
        pytest.param("e.csv", b"\xff\n", WrongEncoding, id="another encoding"),
        pytest.param("e.jsonl", b"{\n", MalformedPart, id="no JSON"),
        pytest.param("e.parquet", b"PAR", MalformedPart, id="no Parquet"),
    ],
)
def test_columns_of_a_bad_file_raise_what_its_rows_would(tmp_path, name, body, error):
    (tmp_path / name).write_bytes(body)

    with pytest.raises(error):
        FileSource(SourceSpec(path=name), tmp_path, {}).columns(Part(name, ""))


MARKED = {"note": 'a "word", a \\ and\ta tab\nand \u00e9', "deep": {"list": ["\\", '"']}}


@pytest.mark.parametrize(("name", "packed"), [("e.jsonl", bytes), ("e.jsonl.gz", gzip.compress), ("e.jsonl.zst", zstd)])
def test_escapes_inside_of_objects_stay_what_they_are(tmp_path, name, packed):
    lines = [{"user": "ann", "item": MARKED}, {"user": "b\\b", "item": ["x", "\\"]}, {"user": "cia", "item": {"a": 1}}]
    (tmp_path / name).write_bytes(packed("".join(json.dumps(line) + "\n" for line in lines).encode()))

    rows = read(tmp_path, SourceSpec(path=name))

    assert [json.loads(row["item"]) for row in rows] == [line["item"] for line in lines]
    assert [row["user"] for row in rows] == ["ann", "b\\b", "cia"]
