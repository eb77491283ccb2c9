"""What reacts rather than recurs: new tenant documents become partitions."""

import os

import dagster as dg

from assets.partitions import TENANTS
from recsys_pipelines.tenants import tenants


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def new_tenants(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Offers the partitions of every tenant whose document has appeared."""
    known = set(context.instance.get_dynamic_partitions(str(TENANTS.name)))
    new = sorted(set(tenants(os.environ).known) - known)
    if not new:
        return dg.SkipReason(f"all {len(known)} tenants are known")
    return dg.SensorResult(dynamic_partitions_requests=[TENANTS.build_add_request(new)])
