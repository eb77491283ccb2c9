"""Retention from the command line and as a job; what it deletes is tested where it is decided."""

import dagster as dg
import pytest

pytestmark = pytest.mark.slow


def expose(installation, day):
    path = installation.home / f"landing/exposures/tenant=demo/date={day}/a.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    return path


def test_the_command_says_what_would_go_and_then_lets_it_go(installation):
    installation.copy_of("ecommerce_mini")
    path = expose(installation, "2020-01-01")

    dry = installation.json("retain", "--tenant", "demo", "--dry-run")
    was_there = path.exists()
    real = installation.json("retain", "--tenant", "demo")
    again = installation.json("retain", "--tenant", "demo")

    assert dry["stores"] == real["stores"]
    assert [store["keys"] for store in real["stores"]] == [1]
    assert (was_there, path.exists(), again["stores"]) == (True, False, [])


def test_the_job_does_the_same_and_its_schedule_is_off(installation):
    from jobs.definitions import defs  # noqa: PLC0415  (building the graph: 2 s)

    installation.copy_of("ecommerce_mini")
    path = expose(installation, "2020-01-01")
    config = {"ops": {"let_go": {"config": {"tenant": "demo"}}}}

    ran = defs.resolve_job_def("retention").execute_in_process(run_config=config)

    assert ran.success
    assert not path.exists()
    assert defs.resolve_schedule_def("weekly_retention").default_status is dg.DefaultScheduleStatus.STOPPED
