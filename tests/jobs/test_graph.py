"""The graph as a data engineer sees it: lineage, partitions, one policy; golden, so that a change is reviewed."""

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

pytestmark = pytest.mark.slow
GOLDEN = Path(__file__).parent / "golden" / "graph.txt"
EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


@pytest.fixture
def defs(monkeypatch):
    monkeypatch.setenv("RECSYS_TENANTS", str(EXAMPLES))
    from jobs.definitions import defs  # noqa: PLC0415

    return defs


def graph_of(defs):
    """One line per asset: its group, name and what it is made from; then the checks."""
    graph = defs.resolve_asset_graph()
    lines = [
        f"{node.group_name}: {key.to_user_string()} <- {' '.join(sorted(p.to_user_string() for p in node.parent_keys))}"
        for key, node in ((key, graph.get(key)) for key in graph.toposorted_asset_keys)
    ]
    checks = [f"check: {key.asset_key.to_user_string()}.{key.name}" for key in sorted(graph.asset_check_keys)]
    return "\n".join([*(line.rstrip(" <-") for line in lines), *checks]) + "\n"


def test_the_definitions_load(defs):
    dg.Definitions.validate_loadable(defs)


def test_the_asset_graph_is_golden(defs):
    drawn = graph_of(defs)

    if os.environ.get("RECSYS_GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(drawn)
    assert drawn == GOLDEN.read_text()


def test_every_asset_says_what_it_is_and_shares_partitions_and_policy(defs):
    graph = defs.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.materializable_asset_keys]

    assert [node.key for node in nodes if not (node.description and node.group_name and node.kinds)] == []
    assert len({node.partitions_def for node in nodes}) == 1
    assert {node.backfill_policy for node in nodes} == {dg.BackfillPolicy.single_run()}


def test_the_daily_schedule_asks_for_yesterday_of_every_tenant_once(defs, tmp_path):
    schedule = defs.resolve_schedule_def("daily_at_0_2_all_all_all")
    tick = datetime(2026, 2, 3, 2, tzinfo=UTC)

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=tick, repository_def=defs.get_repository_def()
        )
        asked = schedule.evaluate_tick(context).run_requests

    assert [(each.run_key, str(each.partition_key)) for each in asked] == [
        ("demo|2026-02-02", "demo|2026-02-02"),
        ("video|2026-02-02", "video|2026-02-02"),
    ]
    names = [{key.to_user_string() for key in each.asset_selection} for each in asked]
    assert all(each >= {"staged", "als", "evaluation", "manifest"} for each in names)
    assert not set.union(*names) & {"ease", "second_stage", "penalties"}  # which these tenants have not chosen


def test_a_new_tenant_document_becomes_a_partition(defs, tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = defs.resolve_sensor_def("new_tenants").evaluate_tick(dg.build_sensor_context(instance))
        (request,) = first.dynamic_partitions_requests
        instance.add_dynamic_partitions("tenants", request.partition_keys)
        second = defs.resolve_sensor_def("new_tenants").evaluate_tick(dg.build_sensor_context(instance))

    assert request.partition_keys == ["demo", "video"]
    assert second.skip_message == "all 2 tenants are known"
