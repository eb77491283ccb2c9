"""What tests of several packages share: every kind of blob store, empty, and a tiny release to publish there."""

import logging
import os
import runpy
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from data_contracts.blobs import Blobs
from data_contracts.open import open_blobs

PUBLISHER = Path(__file__).with_name("publisher.py")


class Store(NamedTuple):
    """Where a store is, and the environment in which its URL works."""

    url: str
    environ: dict[str, str]

    def open(self) -> Blobs:
        return open_blobs(self.url, self.environ)


@pytest.fixture(scope="session")
def s3_environ() -> Iterator[dict[str, str]]:
    """A real HTTP peer that speaks S3, on a free port."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - costs a second, and only these tests need it

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line per request costs more than the request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield {
        "RECSYS_S3_ENDPOINT": f"http://127.0.0.1:{server.get_host_and_port()[1]}",
        "AWS_ACCESS_KEY_ID": "AKIATESTSECRET",
        "AWS_SECRET_ACCESS_KEY": "hunter2-secret",
        "AWS_MAX_ATTEMPTS": "2",
    }
    server.stop()


@pytest.fixture(scope="session")
def new_bucket(s3_environ: dict[str, str]) -> Callable[[], str]:
    """Makes an empty bucket and returns its name."""
    client = open_blobs("s3://any", s3_environ)._client

    def make() -> str:
        name = f"test-{uuid.uuid4().hex}"
        client.create_bucket(Bucket=name)
        return name

    return make


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of every kind; one suite runs over all of them."""
    if request.param == "directory":
        return Store(str(tmp_path / "store"), dict(os.environ))
    bucket = request.getfixturevalue("new_bucket")()
    return Store(f"s3://{bucket}/suite/store", request.getfixturevalue("s3_environ"))


@pytest.fixture
def blobs(store: Store) -> Blobs:
    """The same store, opened."""
    return store.open()


@pytest.fixture(scope="session")
def publisher() -> SimpleNamespace:
    """The module ``publisher.py``, which also runs as a process of its own."""
    return SimpleNamespace(**runpy.run_path(str(PUBLISHER)))


@pytest.fixture
def press(publisher: SimpleNamespace, store: Store, tmp_path: Path) -> Any:
    """Every kind of store, with all that it takes to publish a release there that nobody loads."""
    return publisher.Press(store, tmp_path, "sketched")


@pytest.fixture
def loadable(publisher: SimpleNamespace, store: Store, tmp_path: Path) -> Any:
    """The same, for a release that can be loaded."""
    return publisher.Press(store, tmp_path, "encoded")
