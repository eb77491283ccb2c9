"""What tests of several packages share: every kind of blob store, empty, and a tiny release to publish there."""

import logging
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
    """Where a store is, and the environment in which its URL works; ``open`` is quicker than ``open_blobs``."""

    url: str
    environ: dict[str, str]
    open: Callable[[], Blobs]


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
def s3_client(s3_environ: dict[str, str]) -> Any:
    """One client for all tests: to make one takes longer than most of them."""
    return open_blobs("s3://any", s3_environ)._client


@pytest.fixture
def bucket(s3_client: Any) -> str:
    """An empty bucket."""
    name = f"test-{uuid.uuid4().hex}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of every kind; one suite runs over all of them."""
    if request.param == "directory":
        return directory(tmp_path / "store")
    from data_contracts.s3 import S3Blobs  # noqa: PLC0415 - and with it boto3, which a directory does not need

    name, client = request.getfixturevalue("bucket"), request.getfixturevalue("s3_client")
    environ = request.getfixturevalue("s3_environ")
    return Store(f"s3://{name}/suite/store", environ, lambda: S3Blobs(client, name, "suite/store"))


@pytest.fixture
def blobs(store: Store) -> Blobs:
    """The same store, opened."""
    return store.open()


@pytest.fixture
def second_store(tmp_path: Path) -> Store:
    """Another one, in a directory, to compare with."""
    return directory(tmp_path / "second store")


def directory(path: Path) -> Store:
    return Store(str(path), {}, lambda: open_blobs(str(path), {}))


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
