"""Personal data that was found in the batch, and what the tenant's policy made of it."""

from collections import Counter
from collections.abc import Sequence

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LandedFile, TableName
from recsys_pipelines.quality.names import of_file
from recsys_pipelines.quality.results import Seen, result
from recsys_pipelines.verdict import CheckResult


def personal(table: TableName, batch: Sequence[LandedFile], checks: Checks) -> CheckResult:
    """Passes if nothing was found; the values themselves are never quoted."""
    at_fault = [file for file in batch if file.table == table and any(file.findings.values())]
    found = Counter[str]()
    for file in at_fault:
        found.update(file.findings)
    said = tuple(f"{finding}: {count:,}" for finding, count in sorted(found.items(), key=lambda each: (-each[1], each)))
    detail = (
        f"{found.total():,} values with personal data ({'; '.join(said)}); they were dealt with as `privacy` says; "
        "better, leave them out at the source"
        if said
        else "no personal data was found"
    )
    return result(
        of_file(table, "personal"),
        checks,
        Seen(found.total(), 0, detail, files=tuple(file.file for file in at_fault), examples=said),
    )
