"""What is particular to S3: addresses, credentials, pages, and answers that get lost."""

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from data_contracts.directory import DirectoryBlobs
from data_contracts.errors import BlobChanged, InvalidStore, StoreUnavailable
from data_contracts.open import open_blobs
from data_contracts.s3 import S3Blobs

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIATESTSECRET", "AWS_SECRET_ACCESS_KEY": "hunter2-secret"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Forwarding(BaseHTTPRequestHandler):
    """Hands requests on to ``peer``; of those whose number is in ``lost`` the answer is thrown away."""

    peer: str
    lost: set[int]
    number = 0

    def forward(self):
        type(self).number += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(urlsplit(self.peer).netloc)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if self.number in self.lost:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name in ("ETag", "Content-Type"):
            if value := answer.getheader(name):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = forward  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_):
        pass


@pytest.fixture
def losing(s3_environ) -> Iterator:
    """A function that opens the store behind a network that loses the answers to these requests."""
    servers = []

    def behind(lost):
        handler = type("Handler", (Forwarding,), {"peer": s3_environ["RECSYS_S3_ENDPOINT"], "lost": lost})
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return s3_environ | {"RECSYS_S3_ENDPOINT": f"http://127.0.0.1:{servers[-1].server_port}"}

    yield behind
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_write_whose_answer_got_lost_is_still_won(bucket, losing):
    blobs = open_blobs(f"s3://{bucket}", losing({2}))
    first = blobs.replace("pointer", b"1", None)

    second = blobs.replace("pointer", b"2", first)

    assert blobs.read_tagged("pointer") == (b"2", second)


@pytest.mark.slow
def test_a_write_that_lost_is_not_taken_for_one_whose_answer_got_lost(bucket, losing, s3_environ):
    blobs = open_blobs(f"s3://{bucket}", losing({2}))
    first = blobs.replace("pointer", b"1", None)
    open_blobs(f"s3://{bucket}", s3_environ).replace("pointer", b"other", first)

    with pytest.raises(BlobChanged):
        blobs.replace("pointer", b"2", first)


@pytest.mark.slow
def test_entries_are_listed_across_pages(bucket, s3_client):
    blobs = S3Blobs(s3_client, bucket, "deep", page_entries=2)
    for number in range(5):
        blobs.create(f"many/{number}", b"")

    assert [entry.key for entry in blobs.entries("many/")] == [f"many/{number}" for number in range(5)]


@pytest.mark.slow
def test_two_prefixes_of_a_bucket_do_not_see_each_other(bucket, s3_environ):
    open_blobs(f"s3://{bucket}/one", s3_environ).create("a", b"1")

    assert list(open_blobs(f"s3://{bucket}/one-more", s3_environ).entries("")) == []
    assert [entry.key for entry in open_blobs(f"s3://{bucket}/one/", s3_environ).entries("")] == ["a"]


@pytest.mark.slow
def test_a_bucket_that_does_not_exist_is_named(s3_environ):
    blobs = open_blobs("s3://no-such-bucket/here", s3_environ)

    with pytest.raises(StoreUnavailable, match=r"'a/b' in s3://no-such-bucket/here: .*NoSuchBucket"):
        blobs.read("a/b")


@pytest.mark.slow
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda blobs, _: blobs.read("a/b"), id="read"),
        pytest.param(lambda blobs, _: blobs.read_tagged("a/b", '"tag"'), id="read tagged"),
        pytest.param(lambda blobs, _: blobs.size("a/b"), id="size"),
        pytest.param(lambda blobs, path: blobs.download("a/b", path / "copy"), id="download"),
        pytest.param(lambda blobs, _: blobs.create("a/b", b"1"), id="create"),
        pytest.param(lambda blobs, _: blobs.replace("a/b", b"1", None), id="replace"),
        pytest.param(lambda blobs, _: list(blobs.entries("a/b")), id="entries"),
        pytest.param(lambda blobs, _: blobs.delete("a/b"), id="delete"),
    ],
)
def test_a_service_that_does_not_answer_is_named_without_secrets(tmp_path, ask):
    environ = {**CREDENTIALS, "RECSYS_S3_ENDPOINT": f"http://127.0.0.1:{free_port()}", "AWS_MAX_ATTEMPTS": "1"}

    with pytest.raises(StoreUnavailable, match="'a/b' in s3://bucket/prefix: EndpointConnectionError") as caught:
        ask(open_blobs("s3://bucket/prefix", environ), tmp_path)
    assert not any(secret in repr(caught.value) for secret in CREDENTIALS.values())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_endpoint_without_tls_is_refused_beyond_this_machine():
    environ = CREDENTIALS | {"RECSYS_S3_ENDPOINT": "http://minio.example:9000"}

    with pytest.raises(InvalidStore, match=r"http://minio\.example .*RECSYS_S3_ALLOW_HTTP=1"):
        open_blobs("s3://bucket", environ)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("endpoint", "allow"),
    [
        pytest.param("http://minio.example:9000", "1", id="allowed by hand"),
        pytest.param("http://localhost:9000", "", id="localhost"),
        pytest.param("http://127.8.0.1:9000", "", id="loopback"),
        pytest.param("http://[::1]:9000", "", id="loopback of IPv6"),
        pytest.param("https://minio.example", "", id="TLS"),
        pytest.param("", "", id="AWS itself"),
    ],
)
def test_these_endpoints_are_accepted(endpoint, allow):
    environ = CREDENTIALS | {"RECSYS_S3_ENDPOINT": endpoint, "RECSYS_S3_ALLOW_HTTP": allow}

    assert open_blobs("s3://bucket/prefix", environ).url == "s3://bucket/prefix"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "environ"),
    [
        pytest.param("s3://AKIA:hunter2@bucket/prefix", {}, id="in the URL"),
        pytest.param("s3://bucket", {"RECSYS_S3_ENDPOINT": "https://AKIA:hunter2@minio.example"}, id="in the endpoint"),
        pytest.param("s3://bucket?secret=hunter2", {}, id="as a parameter"),
    ],
)
def test_credentials_in_an_address_are_refused_without_repeating_them(url, environ):
    with pytest.raises(InvalidStore) as caught:
        open_blobs(url, environ)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "gs://bucket", "file:///tmp", "http://bucket"])
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidStore, match="s3://bucket/prefix"):
        open_blobs(url, {})


@pytest.mark.slow
@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket:80/a", "s3://bucket/../a", "s3://bucket/a//b"])
def test_an_address_without_a_bucket_or_with_a_strange_prefix_is_refused(url):
    with pytest.raises(InvalidStore):
        open_blobs(url, {})


def test_a_path_is_a_directory_and_needs_no_boto3(tmp_path):
    code = (
        "import sys; from data_contracts.open import open_blobs; open_blobs('x', {}); sys.exit('boto3' in sys.modules)"
    )

    assert isinstance(open_blobs(str(tmp_path), {}), DirectoryBlobs)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
