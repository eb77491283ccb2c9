"""The resource of every asset holds the run's tenant, from before the first step until after the last one."""

import os
from datetime import date

import dagster as dg
import pytest

from assets.partitions import PARTITIONS, TENANTS, key, tenant_of
from assets.resources import Suite
from recsys_pipelines.lease import Lease, hold, read_lease
from recsys_pipelines.workshop import Workshop

pytestmark = pytest.mark.slow
RANGE = {
    "dagster/asset_partition_range_start": "shop|2026-01-02",
    "dagster/asset_partition_range_end": "shop|2026-01-03",
}
seen: list[Lease] = []


@dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run())
def first(context: dg.AssetExecutionContext, suite: Suite) -> None:
    seen.append(read_lease(suite.workshop.lake, "shop"))


@dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first])
def second(context: dg.AssetExecutionContext, suite: Suite) -> None:
    seen.append(read_lease(suite.workshop.lake, "shop"))
    if "fail" in context.run.tags:
        raise ValueError("as it was told")


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Workshop:
    monkeypatch.setenv("RECSYS_HOME", str(tmp_path))
    seen.clear()
    return Workshop(dict(os.environ))


def run(**tags: str) -> dg.ExecuteInProcessResult:
    """Both assets for two days of one tenant, as the UI starts them."""
    job = dg.Definitions(
        assets=[first, second],
        jobs=[dg.define_asset_job("both")],
        resources={"suite": Suite()},
        executor=dg.in_process_executor,
    ).resolve_job_def("both")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(TENANTS.name), ["shop"])
        return job.execute_in_process(instance=instance, tags=RANGE | tags, raise_on_error=False)


def test_a_run_holds_its_tenant_from_the_first_step_to_the_last_one(shop):
    result = run()

    assert result.success
    assert [lease.holder for lease in seen] == [result.run_id, result.run_id]
    assert seen[0].taken_at == seen[1].taken_at
    assert read_lease(shop.lake, "shop") == Lease()


def test_a_run_that_fails_gives_its_tenant_back(shop):
    result = run(fail="yes")

    assert not result.success
    assert len(seen) == 2
    assert read_lease(shop.lake, "shop") == Lease()


def test_a_run_of_a_tenant_that_is_held_does_nothing(shop):
    with hold(shop.lake, "shop", holder="another run", now=shop.now):
        result = run()

    (failure,) = [event for event in result.all_events if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    assert not result.success
    assert "tenant 'shop' is being changed by another run" in str(failure.event_specific_data)
    assert seen == []


@pytest.mark.parametrize(
    ("tags", "tenant"),
    [
        pytest.param({"dagster/partition": str(key("shop", date(2026, 1, 2)))}, "shop", id="a day"),
        pytest.param(RANGE, "shop", id="a range of days"),
        pytest.param({}, None, id="no partition"),
    ],
)
def test_the_tenant_of_a_run_is_in_its_tags(tags, tenant):
    assert tenant_of(tags) == tenant
