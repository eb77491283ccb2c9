"""A verdict as a few numbers under names that never change, so that an orchestrator can plot them over the days."""

from recsys_pipelines.quality.names import (
    BOOKED_BY_DAY,
    BOOKED_BY_ID,
    CLAMPED,
    DAY_GAPS,
    HOUR_GAPS,
    JOINED,
    KNOWN_ITEMS,
    KNOWN_USERS,
    POSITIONS,
    REPEATED,
    VOLUME_BY_HOUR,
    VOLUME_BY_TYPE,
)
from recsys_pipelines.quality.results import share
from recsys_pipelines.verdict import Verdict

MEASURES = {
    "duplicate_share": REPEATED,
    "unknown_item_share": KNOWN_ITEMS,
    "unknown_user_share": KNOWN_USERS,
    "clamped_share": CLAMPED,
    "days_without_events": DAY_GAPS,
    "hours_without_events": HOUR_GAPS,
    "volume_deviations": VOLUME_BY_TYPE,
    "hourly_volume_deviations": VOLUME_BY_HOUR,
    "lost_join_share": JOINED,
    "top_position_share": POSITIONS,
    "order_difference_share": BOOKED_BY_DAY,
    "unmatched_order_share": BOOKED_BY_ID,
}


def measures(verdict: Verdict) -> dict[str, float]:
    """What the checks observed, family by family; what was not checked is 0."""
    seen = {check.name: float(check.observed) for check in verdict.checks}
    failed = [check for check in verdict.checks if not check.passed]
    return {
        "rejected_share": share(verdict.rejected, sum(file.rows for file in verdict.files)),
        **{name: seen.get(check, 0.0) for name, check in MEASURES.items()},
        "columns_changed": sum(value for name, value in seen.items() if name.endswith(".file.drift")),
        "personal_values": sum(value for name, value in seen.items() if name.endswith(".file.personal")),
        "checks_passed": len(verdict.checks) - len(failed),
        "checks_failed": len(failed),
        "checks_blocking": sum(check.blocks for check in failed),
    }
