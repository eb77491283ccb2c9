"""Two runs of one tenant, as processes of their own, and a full rebuild: what a scheduler and a person may do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recsys_pipelines.lease import hold, read_lease
from recsys_pipelines.workshop import Workshop

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(installation) -> Workshop:
    installation.copy_of("dirty/clean")
    return Workshop(dict(os.environ))


def started(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "jobs.cli", "run", "daily", "--tenant", "clean", *arguments]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def tables(installation) -> dict[str, bytes]:
    return {path: body for path, body in installation.files("lake").items() if path.endswith(".parquet")}


def test_a_run_refuses_while_another_one_is_in_progress_and_says_what_to_do(installation, shop):
    with hold(shop.lake, "clean", holder="run-1", now=shop.now):
        code = installation.recsys("run", "daily", "--tenant", "clean")

    said = installation.capture.readouterr().err
    assert code == 1
    assert [word for word in ("'clean'", "run-1", "--wait") if word not in said] == []
    assert "Traceback" not in said
    assert not tables(installation)


def test_of_two_runs_at_once_one_refuses_and_the_lake_is_that_of_one(installation, shop):
    first, second = started(), started()
    said = [process.communicate()[1] for process in (first, second)]
    together = tables(installation)

    assert sorted([first.returncode, second.returncode]) == [0, 1], said
    assert "is being changed by" in said[[first.returncode, second.returncode].index(1)]
    installation.recsys("run", "daily", "--tenant", "clean", "--full")
    assert tables(installation) == together


def test_a_run_that_waits_goes_on_when_the_killed_one_is_gone(installation, shop):
    first = started()
    while not read_lease(shop.lake, "clean").holder:
        assert first.poll() is None
        time.sleep(0.05)
    second = started("--wait", "120")
    first.send_signal(signal.SIGKILL)
    first.communicate()

    _, said = second.communicate()

    assert first.returncode == -signal.SIGKILL
    assert second.returncode == 0, said
    assert sum(installation.json("doctor", "--tenant", "clean")["rows"]["events"].values()) == 120


def test_a_full_rebuild_repairs_what_is_damaged_and_changes_nothing_else(installation):
    installation.published("dirty/clean")
    before = tables(installation)
    damaged = [path for path in before if "/staged_" in path or "/events/" in path]
    for path in damaged:
        (installation.home / path).write_bytes(b"damaged")

    report = installation.json("run", "daily", "--tenant", "clean", "--full")

    assert len(damaged) > 2
    assert (report["status"], report["error"]) == ("unchanged", "")
    assert tables(installation) == before
