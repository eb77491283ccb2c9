import pytest

from data_contracts.source_specs import Lookup, SourceSpec
from recsys_pipelines.sources.opening import opened
from recsys_pipelines.sources.source import ROW, BadPart, MalformedPart, MissingPart, Needs, Place, SchemaDrift

LINES = "order_id,sku\n1,a\n1,b\n2,c\n9,d\n,e\n"
ORDERS = "id,buyer,status\n2,bob,paid\n1,ann,\n"
NEEDS = Needs(("buyer", "sku", "status"), ("buyer", "sku"))


class Desk:
    """Order lines and orders on a disk or in a bucket."""

    def __init__(self, path, put, place):
        self.path, self.put, self.place = path, put, place

    def source(self, file="orders.csv", on=("order_id", "id"), **settings):
        lookup = Lookup(path=f"{self.path}{file}", on=on, **settings)
        return opened(SourceSpec(path=f"{self.path}lines", lookup=lookup), self.place)

    def rows(self, needs=NEEDS, **settings):
        source, found = self.source(**settings), []
        for part in source.parts():
            with source.rows(part, needs) as rows:
                found += rows.select(ROW, *needs.wanted).collect().rows()
        return found


@pytest.fixture(params=["files", pytest.param("objects", marks=pytest.mark.slow)])
def desk(request, tmp_path):
    if request.param == "files":

        def write(name, body):
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).write_text(body)

        return Desk("", write, Place("acme", tmp_path, {}))
    bucket, client = request.getfixturevalue("bucket"), request.getfixturevalue("s3_client")

    def put(name, body):
        client.put_object(Bucket=bucket, Key=name, Body=body.encode())

    return Desk(f"s3://{bucket}/", put, Place("acme", tmp_path, request.getfixturevalue("s3_environ")))


@pytest.fixture
def shop(desk):
    desk.put("lines/1.csv", LINES)
    desk.put("orders.csv", ORDERS)
    return desk


def test_each_line_has_its_order_and_keeps_its_place(shop):
    assert shop.rows() == [
        (1, "ann", "a", None),
        (2, "ann", "b", None),
        (3, "bob", "c", "paid"),
        (4, None, "d", None),
        (5, None, "e", None),
    ]


def test_a_column_of_both_is_the_line_s_own(shop):
    shop.put("lines/1.csv", "order_id,sku,status\n2,c,sent\n")

    assert shop.rows() == [(1, "bob", "c", "sent")]


def test_a_prefix_tells_them_apart(shop):
    shop.put("lines/1.csv", "order_id,sku,status\n2,c,sent\n")
    needs = Needs(("order_buyer", "order_status", "status"), ("order_buyer",))

    assert shop.rows(needs, prefix="order_") == [(1, "bob", "paid", "sent")]


def test_keys_of_other_formats_are_compared_as_texts(shop):
    shop.put("orders.jsonl", '{"id": 2, "buyer": "bob", "status": {"code": "paid"}}\n')
    needs = Needs(("buyer", "sku", "status"), ("status.code",))

    assert shop.rows(needs, file="orders.jsonl")[2] == (3, "bob", "c", '{"code": "paid"}')


def test_a_lookup_of_several_files_is_one(shop):
    shop.put("orders/1.csv", "id,buyer,status\n1,ann,\n")
    shop.put("orders/2.csv", "id,buyer\n2,bob\n")

    assert [row[1] for row in shop.rows(file="orders")] == ["ann", "ann", "bob", None, None]


def test_a_key_in_two_rows_is_named(shop):
    shop.put("orders.csv", ORDERS + "2,eve,\n")

    with pytest.raises(MalformedPart) as raised:
        shop.rows()

    assert str(raised.value) == (
        f"{shop.path}lines/1.csv: its lookup {shop.path}orders.csv: id '2' is in 2 rows, and may be in one only, "
        "since rows are joined by it"
    )


def test_another_lookup_is_another_fingerprint_of_every_part(shop):
    shop.put("lines/2.csv", LINES)
    before = shop.source().parts()
    shop.put("orders.csv", ORDERS.replace("paid", "sent"))

    after = shop.source().parts()

    assert shop.source().parts() == after
    assert [part.name for part in before] == [part.name for part in after]
    assert not {part.fingerprint for part in before} & {part.fingerprint for part in after}


@pytest.mark.parametrize(
    ("orders", "settings", "error", "said"),
    [
        pytest.param(ORDERS, {"file": "gone.csv"}, MissingPart, r"gone.csv: there is no such", id="missing"),
        pytest.param(
            ORDERS, {"on": ("order_id", "idd")}, SchemaDrift, r"orders.csv: schema drift: missing idd", id="key"
        ),
        pytest.param(
            ORDERS, {"on": ("order", "id")}, SchemaDrift, r"lines/1.csv: schema drift: missing order", id="own"
        ),
        pytest.param("id,byer\n1,x\n", {}, SchemaDrift, r"lines/1.csv: schema drift: missing buyer", id="a column"),
        pytest.param("id,buyer\n1,x,y\n", {}, MalformedPart, r"orders.csv: line 2 has 3 fields", id="malformed"),
    ],
)
def test_a_fault_of_the_lookup_is_a_fault_of_the_part(shop, orders, settings, error, said):
    shop.put("orders.csv", orders)
    assert shop.source(**settings).parts()[0].name == f"{shop.path}lines/1.csv"

    with pytest.raises(error, match=said) as raised:
        shop.rows(**settings)

    assert raised.value.name == f"{shop.path}lines/1.csv"


def test_a_fault_of_the_lines_is_not_laid_to_the_lookup(shop):
    shop.put("lines/1.csv", "order_id,sku\n1,a,x\n")

    with pytest.raises(BadPart, match=r"^\S*lines/1.csv: line 2 has 3 fields"):
        shop.rows()


def test_columns_are_those_of_both(shop):
    source = shop.source(prefix="order_")

    assert source.columns(source.parts()[0]) == {
        "order_id": "int", "sku": "text", "order_buyer": "text", "order_status": "text"
    }  # fmt: skip
