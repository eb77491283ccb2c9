"""Two whole landings of one tenant as processes of their own, on a directory and on S3: the result is that of one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
RUN = """
import os, sys
from datetime import UTC, date, datetime
from pathlib import Path
from data_contracts.documents import parse
from data_contracts.open import open_blobs
from recsys_pipelines.ingest import land, settle
from recsys_pipelines.lake import Lake
from recsys_pipelines.lease import RunInProgress, hold
from recsys_pipelines.sources.source import Place
url, folder, wait_s = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
lake = Lake(open_blobs(url, dict(os.environ)))
document = parse((folder / "tenant.json").read_bytes(), "test")
print("ready", flush=True)
sys.stdin.readline()
try:
    with hold(lake, "shop", holder=str(os.getpid()), now=lambda: datetime.now(UTC), wait_s=wait_s):
        land(document, Place("shop", folder, {}), lake, now=datetime(2026, 2, 1, tzinfo=UTC))
        print("landed", flush=True)
        sys.stdin.readline()
        settle(document, lake, until=date(2026, 1, 31))
        print("settled", flush=True)
except RunInProgress:
    print("refused", flush=True)
"""


@pytest.fixture
def sources(tmp_path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "items.csv").write_text("item_id\na\nb\n")
    rows = [f"e{n},2026-01-{1 + n % 9:02}T10:00:00Z,view,ann,a" for n in range(90)]
    (folder / "events.csv").write_text("\n".join(["event_id,ts,type,user_id,item_id", *rows]) + "\n")
    document = {
        "schema": "recsys.tenant/1",
        "tenant": "shop",
        "sources": {"items": [{"path": "items.csv"}], "events": [{"path": "events.csv"}]},
        "algorithms": {},
        "ranking": {},
        "surfaces": {"home": {}},
    }
    (folder / "tenant.json").write_text(json.dumps(document))
    return folder


class Run:
    """One process, which goes on when it is told to."""

    def __init__(self, store, sources: Path, wait_s: float = 0.0) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        command = [sys.executable, "-c", RUN, store.url, str(sources), str(wait_s)]
        self.process = subprocess.Popen(command, env=os.environ | store.environ, cwd=ROOT, **pipes)

    def __enter__(self) -> "Run":
        assert self.said() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def go_on(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def said(self) -> str:
        return self.process.stdout.readline().strip()


def content(store) -> dict[str, bytes]:
    """Everything that the lake holds."""
    blobs = store.open()
    return {entry.key: blobs.read(entry.key) for entry in blobs.entries("")}


def undisturbed(store, sources: Path) -> dict[str, bytes]:
    """What one run alone leaves."""
    with Run(store, sources) as alone:
        alone.go_on()
        assert alone.said() == "landed"
        alone.go_on()
        assert alone.said() == "settled"
        alone.process.wait()
    return content(store)


def test_of_two_runs_at_once_the_second_refuses_and_the_lake_is_that_of_one(store, second_store, sources):
    with Run(store, sources) as one, Run(store, sources) as two:
        one.go_on()
        two.go_on()
        said = {one.said(): one, two.said(): two}
        assert sorted(said) == ["landed", "refused"]
        said["landed"].go_on()
        assert said["landed"].said() == "settled"
        said["landed"].process.wait()

    assert content(store) == undisturbed(second_store, sources)


def test_a_run_takes_over_from_one_that_was_killed_in_the_middle(store, second_store, sources):
    with Run(store, sources) as killed, Run(store, sources, wait_s=60) as next_one:
        killed.go_on()
        assert killed.said() == "landed"
        next_one.go_on()
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()

        assert next_one.said() == "landed"
        next_one.go_on()
        assert next_one.said() == "settled"
        next_one.process.wait()

    assert content(store) == undisturbed(second_store, sources)
