"""The whole ring, as a newcomer runs it: demo, server, answer, rollback, exposures."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
ASK = {"surface": "home", "user": {"user_id": "u230"}, "k": 5, "options": {"include_reasons": True}}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home in which the demo ran, and what it printed."""
    folder = tmp_path_factory.mktemp("home")
    environ = os.environ | {"RECSYS_HOME": str(folder), "RECSYS_RELOAD_EVERY_S": "0.2"}
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "demo"], env=environ, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, environ, done.stdout


@pytest.fixture
def server(home):
    """The port of a server over the demo's store."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "serve", "--port", str(port), "--workers", "2"], env=home[1], cwd=ROOT
    )
    try:
        wait_until(lambda: ready(port))
        yield port
    finally:
        process.terminate()
        process.wait(20)


def call(port, method, path, body=None, tenant="demo"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"content-type": "application/json", "x-org-id": tenant}
    with contextlib.closing(connection):
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read() or b"null")


def ready(port):
    try:
        return call(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


SAYS = """8,900 accepted, 0 rejected|checks|popularity|cooccurrence|als|ungated|generation|report.html
demo/home generation 1|video/home generation 1|make ui|make serve"""


@pytest.mark.parametrize("said", SAYS.replace("\n", "|").split("|"))
def test_the_demo_says_what_it_did(home, said):
    assert said in home[2]


def test_recommendations_that_came_out_of_the_pipeline_are_served_with_reasons(server):
    status, headers, body = call(server, "POST", "/v1/recommend", ASK)

    assert (status, headers["x-recsys-generation"]) == (200, "1")
    assert len(body["items"]) == 5
    assert all(item["reasons"] for item in body["items"])
    assert body["meta"]["fallback_level"] == 0


def test_the_tenants_have_their_own_catalogs(server):
    shop = call(server, "POST", "/v1/recommend", ASK)[2]["items"]
    video = call(server, "POST", "/v1/recommend", ASK | {"user": {"user_id": "viewer-064"}}, tenant="video")[2]["items"]

    assert {item["item_id"][0] for item in shop} == {"i"}
    assert {item["item_id"][0] for item in video} == {"v"}


def test_every_answer_is_logged_before_it_leaves(home, server):
    request_id = call(server, "POST", "/v1/recommend", ASK)[2]["meta"]["request_id"]

    spooled = [path for folder in ("spool", "landing") for path in (home[0] / folder).rglob("*") if path.is_file()]

    assert any(request_id in path.read_text() for path in spooled)


@pytest.fixture
def browser(tmp_path):
    """What a real browser makes of a page, with no network but loopback: its text after the scripts have run."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine; .ci/run installs it with the system's package manager")
    quiet = "--disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
    offline = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

    def dom(url):
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", *quiet.split(), offline]
        command += [f"--user-data-dir={tmp_path}", "--virtual-time-budget=8000", "--dump-dom", url]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    return dom


def test_the_report_opens_in_a_browser_without_a_network(home, browser):
    (report,) = home[0].glob("reports/demo/2026-01-28/home/report.html")

    page = browser(report.as_uri())

    assert "ungated" in page.lower()
    assert page.count("<svg") >= 8
    assert "ndcg@10" in page


def test_the_quality_page_opens_in_a_browser_without_a_network(home, browser):
    page = browser((home[0] / "reports/demo/2026-01-28/quality.html").as_uri())

    assert "events.csv" in page
    assert "events.type.one_of" in page


def test_the_api_docs_draw_every_endpoint_in_a_browser_without_a_network(server, browser):
    page = browser(f"http://127.0.0.1:{server}/docs")

    assert 'data-path="/v1/recommend"' in page
    assert 'data-path="/v1/similar"' in page


def test_a_rollback_is_followed_while_serving(home, server):
    folder, environ, _ = home
    tenants = folder / "tenants" / "demo"
    tenants.mkdir(parents=True)
    for path in (ROOT / "examples" / "data" / "ecommerce_mini").glob("*.csv"):
        (tenants / path.name).write_bytes(path.read_bytes())
    document = json.loads((ROOT / "examples" / "data" / "ecommerce_mini" / "tenant.json").read_text())
    document["ranking"]["k"] = 11
    (tenants / "tenant.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "jobs.cli"]
    subprocess.run([*command, "run", "daily", "--tenant", "demo"], env=environ, cwd=ROOT, check=True)
    wait_until(lambda: call(server, "POST", "/v1/recommend", ASK)[1]["x-recsys-generation"] == "2")

    back = ["rollback", "--tenant", "demo", "--surface", "home", "--to", "1", "--reason", "a test"]
    subprocess.run([*command, *back], env=environ, cwd=ROOT, check=True)

    wait_until(lambda: call(server, "POST", "/v1/recommend", ASK)[1]["x-recsys-generation"] == "1")
