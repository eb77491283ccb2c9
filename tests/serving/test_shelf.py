from types import SimpleNamespace

import pytest

from serving.errors import InvalidTenant, NotReady, SurfaceNotFound, TenantNotFound
from serving.shelf import Failure, Served, Shelf

FAILED = Failure("bad_hash", "other bytes", None)


def served(default_surface="home"):
    return Served(SimpleNamespace(), SimpleNamespace(), "tag", default_surface, ())


def shelf(*places):
    found = Shelf()
    for place in places:
        found = found.with_served(place, served())
    return found


def test_what_was_put_there_is_there():
    found = shelf(("demo", "home"), ("demo", "cart"), ("video", "home"))

    assert [place for place, _ in found.places] == [("demo", "cart"), ("demo", "home"), ("video", "home")]
    assert found.served("demo", "home") is found.at(("demo", "home"))


def test_a_new_shelf_leaves_the_old_one_as_it_was():
    old = shelf(("demo", "home"))

    new = old.with_served(("demo", "cart"), served()).with_failure(("demo", "home"), FAILED)

    assert [place for place, _ in old.places] == [("demo", "home")]
    assert not old.degraded
    assert new.degraded


def test_a_failure_takes_nothing_away_and_a_success_ends_it():
    failed = shelf(("demo", "home")).with_failure(("demo", "home"), FAILED)

    assert failed.at(("demo", "home")) is not None
    assert failed.with_served(("demo", "home"), served()).failures == {}


@pytest.mark.parametrize(
    ("named", "otherwise", "expected"), [("a", "b", "a"), (None, "b", "b"), ("", "b", "b")], ids=["own", "other", "no"]
)
def test_a_request_or_else_the_deployment_names_the_tenant(named, otherwise, expected):
    assert shelf(("x", "home"), ("y", "home")).tenant(named, otherwise) == expected


def test_the_only_tenant_needs_no_name():
    assert shelf(("demo", "home"), ("demo", "cart")).tenant(None, None) == "demo"


def test_one_of_several_has_to_be_named():
    with pytest.raises(InvalidTenant):
        shelf(("demo", "home"), ("video", "home")).tenant(None, None)


def test_a_tenant_that_could_not_be_loaded_is_one_of_several():
    with pytest.raises(InvalidTenant):
        shelf(("demo", "home")).with_failure(("video", "home"), FAILED).tenant(None, None)


@pytest.mark.parametrize(
    ("found", "place", "error"),
    [
        pytest.param(Shelf(), ("demo", "home"), NotReady, id="nothing at all"),
        pytest.param(shelf(("demo", "home")), ("acme", "home"), TenantNotFound, id="no such tenant"),
        pytest.param(shelf(("demo", "home")), ("demo", "moon"), SurfaceNotFound, id="no such surface"),
        pytest.param(
            shelf(("demo", "home")).with_failure(("demo", "cart"), FAILED), ("demo", "cart"), NotReady,
            id="a surface that could not be loaded yet",
        ),
        pytest.param(
            shelf(("demo", "home")).with_failure(("video", "home"), FAILED), ("video", "home"), NotReady,
            id="a tenant that could not be loaded yet",
        ),
    ],
)  # fmt: skip
def test_what_is_not_there_has_its_own_error(found, place, error):
    with pytest.raises(error):
        found.served(*place)


def test_the_default_surface_is_that_of_the_document():
    found = Shelf().with_served(("demo", "cart"), served(default_surface="cart"))

    assert found.default_surface("demo") == "cart"
    with pytest.raises(TenantNotFound):
        found.default_surface("acme")
    with pytest.raises(NotReady):
        Shelf().default_surface("demo")
