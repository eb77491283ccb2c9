import numpy as np
import polars as pl
import pytest
from scipy import sparse

from recsys_pipelines.factors import Factors, started, table
from recsys_pipelines.matrix import Matrix

MATRIX = Matrix(pl.Series(["ann", "bob"]), pl.Series(["jam", "milk", "tea"]), sparse.csr_array(np.ones((2, 3))))
USERS, ITEMS = np.full((2, 2), -1, np.float32), np.full((3, 2), -2, np.float32)


def last_run(users, items):
    """The table of a run that knew these users and items, with their vectors."""
    rows = [("item", *item) for item in items.items()] + [("user", *user) for user in users.items()]
    return pl.DataFrame(
        rows, schema={"entity": pl.String, "id": pl.String, "vector": pl.List(pl.Float32)}, orient="row"
    )


def test_the_table_has_the_items_then_the_users():
    found = table(Factors(MATRIX, USERS, ITEMS))

    assert found.select("entity", "id").rows() == [
        ("item", "jam"),
        ("item", "milk"),
        ("item", "tea"),
        ("user", "ann"),
        ("user", "bob"),
    ]
    assert found["vector"].to_list() == [[-2.0, -2.0]] * 3 + [[-1.0, -1.0]] * 2


def test_who_was_known_starts_where_the_last_run_ended():
    previous = last_run({"bob": [1.0, 2.0], "gone": [9.0, 9.0]}, {"tea": [3.0, 4.0], "jam": [5.0, 6.0]})

    start = started(MATRIX, previous, USERS, ITEMS)

    assert start.warm
    assert start.users.tolist() == [[-1, -1], [1, 2]]
    assert start.items.tolist() == [[5, 6], [-2, -2], [3, 4]]
    assert USERS.tolist() == [[-1, -1], [-1, -1]]


@pytest.mark.parametrize(
    "previous",
    [
        pytest.param(None, id="no last run"),
        pytest.param(last_run({}, {}), id="one that learned nothing"),
        pytest.param(last_run({"ann": [1.0]}, {"tea": [1.0]}), id="one with another number of factors"),
    ],
)
def test_otherwise_it_starts_from_nothing(previous):
    start = started(MATRIX, previous, USERS, ITEMS)

    assert not start.warm
    assert start.users is USERS
    assert start.items is ITEMS
