"""Did the columns of a source change since a load of it passed last? What the mapping misses blocks elsewhere; this
tells of the rest: a column that is new and unused, gone, renamed, or of another type."""

from collections.abc import Iterator, Mapping, Sequence

from data_contracts.policies import Checks
from recsys_pipelines.ledger import LandedFile, TableName
from recsys_pipelines.quality.names import of_file
from recsys_pipelines.quality.results import Seen, result
from recsys_pipelines.sources.drift import Drift, drift
from recsys_pipelines.verdict import CheckResult

Columns = Mapping[str, dict[str, str]]  # of each source (TABLE/NUMBER): its columns with their types


def source_of(file: LandedFile) -> str:
    """The source of a file, as the tenant document numbers it."""
    return f"{file.table}/{file.identity.source}"


def drifted(table: TableName, batch: Sequence[LandedFile], before: Columns, checks: Checks) -> CheckResult:
    """The newest file of each source in the batch, against ``before``, or else against the file before it."""
    found = list(_changes([file for file in batch if file.table == table and file.columns], before))
    said = tuple(f"{file.file}: {change.text}" for file, change in found)
    detail = (
        f"{'; '.join(said)}; see whether `fields` of the source still fits" if said else "the columns are as before"
    )
    files = tuple(dict.fromkeys(file.file for file, _ in found))
    examples = tuple(change.column for _, change in found)
    return result(of_file(table, "drift"), checks, Seen(len(found), 0, detail, files, examples))


def columns_of(files: Sequence[LandedFile]) -> dict[str, dict[str, str]]:
    """The columns of the newest file of each source."""
    return {source_of(file): file.columns for file in files if file.columns}


def _changes(files: Sequence[LandedFile], before: Columns) -> Iterator[tuple[LandedFile, Drift]]:
    for source in dict.fromkeys(map(source_of, files)):
        *earlier, newest = [file for file in files if source_of(file) == source]
        known = before.get(source) or (earlier[-1].columns if earlier else {})
        yield from ((newest, change) for change in drift(known, newest.columns))
