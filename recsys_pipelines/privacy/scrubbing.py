"""What personal data is found in mapped rows, and what the tenant's policy makes of it before anything is stored.

Searched are ids of people and what is made of them, JSON texts (``meta``, ``traits``), and what a source said where
that could not be read. Not searched are titles, SKUs, prices and whatever else is the shop's: a number there that looks
like a card is none. Cost: one regular expression per searched value; only texts it suspects are parsed, each distinct
one once.

An id whose policy is `hash` becomes its pseudonym, the same in every table, so joins hold; one that is redacted is
gone, since a common word in its place would make one person of many.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, get_args

import polars as pl

from data_contracts.policies import PiiAction, PiiKind, Privacy
from data_contracts.pseudonym import Pseudonyms
from data_contracts.table import Table
from data_contracts.tables import EVENTS
from data_contracts.tombstones import is_among
from recsys_pipelines.contract import REFUSED, SUBJECTS, UNREADABLE
from recsys_pipelines.privacy.consent import narrowed
from recsys_pipelines.privacy.personal import SUSPICIOUS, SUSPICIOUS_ID, kind_of_id
from recsys_pipelines.privacy.texts import Cleaner

IDS = (*SUBJECTS, "event_id", "order_id", "request_id")
TEXTS = ("meta", "traits")
FORGOTTEN = "forgotten.drop"  # how the finding of rows ends that a forgotten person's id is in


class Scrubbed(NamedTuple):
    """The rows that may be stored, and how many values were changed, by finding (``events.meta.email.redact``)."""

    rows: pl.DataFrame
    findings: Mapping[str, int]


def scrub(
    mapped: pl.DataFrame,
    table: Table,
    policy: Privacy,
    pseudonyms: Pseudonyms | None,
    *,
    forgotten: Collection[str] = frozenset(),
) -> Scrubbed:
    """The mapped rows of a table as the policy allows to keep them; ``pseudonyms`` hash what is to be hashed.

    Rows of people whose pseudonym is in ``forgotten`` are left out, and those whose policy is `reject` get a reason in
    ``contract.REFUSED``. Raises ``ValueError`` if something is to be hashed and there are no pseudonyms.
    """
    scrubber = _Scrubber(table, policy, pseudonyms)
    rows = scrubber.without(mapped, forgotten) if forgotten else mapped
    for name in rows.columns:
        if name in IDS:
            rows = scrubber.with_clean_ids(rows, name)
        elif name in TEXTS or name.endswith(UNREADABLE):
            rows = scrubber.with_clean_texts(rows, name)
    if table is EVENTS:
        rows = narrowed(rows, policy.default_consent, pseudonyms)
    return Scrubbed(rows, dict(sorted(scrubber.findings.items())))


@dataclass
class _Scrubber:
    table: Table
    policy: Privacy
    pseudonyms: Pseudonyms | None
    findings: Counter[str] = field(default_factory=Counter)

    def without(self, rows: pl.DataFrame, forgotten: Collection[str]) -> pl.DataFrame:
        """The rows whose subjects are not among the forgotten, neither as they are nor as they would be kept."""
        for name in set(SUBJECTS) & set(rows.columns):
            ids = rows[name].drop_nulls().unique()
            gone = [id for id in ids if self._is_forgotten(id, forgotten)]
            kept = rows.filter(~pl.col(name).is_in(gone).fill_null(value=False)) if gone else rows
            self._count(name, FORGOTTEN, rows.height - kept.height)
            rows = kept
        return rows

    def with_clean_ids(self, rows: pl.DataFrame, name: str) -> pl.DataFrame:
        """The rows with the column's ids as they may be kept."""
        counts = rows[name].filter(rows[name].str.contains(SUSPICIOUS_ID)).value_counts(name="__rows")
        kinds = {id: (kind, times) for id, times in counts.iter_rows() if (kind := kind_of_id(id))}
        action = self.policy.pii_in_ids
        for kind, times in kinds.values():
            self._count(name, f"{kind}.{action}", times)
        if not kinds or action == "keep":
            return rows
        made = {id: self._pseudonym(id) if action == "hash" else None for id in kinds}
        refused = {id: self._reason(name, kind) for id, (kind, _) in kinds.items()} if action == "reject" else {}
        return _replaced(rows, name, made, refused)

    def with_clean_texts(self, rows: pl.DataFrame, name: str) -> pl.DataFrame:
        """The rows with the column's texts as they may be kept."""
        counts = rows[name].filter(rows[name].str.contains(SUSPICIOUS)).value_counts(name="__rows")
        cleaner = Cleaner(self._actions, self._pseudonym, frozenset(self.policy.allowed_keys))
        made: dict[str, str | None] = {}
        refused: dict[str, str] = {}
        for text, times in counts.iter_rows():
            kept = cleaner.cleaned(text)
            for kind, found in cleaner.seen.items():
                self._count(name, f"{kind}.{cleaner.actions[kind]}", found * times)
                if cleaner.actions[kind] == "reject":
                    refused[text] = self._reason(name, kind)
            if kept != text:
                made[text] = kept
        return _replaced(rows, name, made, refused)

    @property
    def _actions(self) -> dict[PiiKind, PiiAction]:
        kinds: tuple[PiiKind, ...] = get_args(PiiKind)
        return {kind: self.policy.pii.get(kind, "redact") for kind in kinds}

    def _is_forgotten(self, id: str, forgotten: Collection[str]) -> bool:
        assert self.pseudonyms is not None  # whoever is forgotten has a pseudonym
        return is_among(id, forgotten, self.pseudonyms)

    def _pseudonym(self, value: str) -> str:
        if self.pseudonyms is None:
            raise ValueError(f"{self.table.name}: personal data is to be hashed, and there is no key for pseudonyms")
        return self.pseudonyms.of(value)

    def _reason(self, column: str, kind: PiiKind) -> str:
        return f"{column.removesuffix(UNREADABLE)}: no personal data ({kind})"

    def _count(self, column: str, finding: str, times: int) -> None:
        if times:
            self.findings[f"{self.table.name}.{column}.{finding}"] += times


def _replaced(
    rows: pl.DataFrame, name: str, made: Mapping[str, str | None], refused: Mapping[str, str]
) -> pl.DataFrame:
    value = pl.col(name)
    if refused:
        before = pl.col(REFUSED) if REFUSED in rows.columns else pl.lit(None, pl.String)
        because = value.replace_strict(dict(refused), default=None, return_dtype=pl.String)
        rows = rows.with_columns(pl.coalesce(before, because).alias(REFUSED))
    if made:
        old, new = pl.Series(list(made), dtype=pl.String), pl.Series(list(made.values()), dtype=pl.String)
        rows = rows.with_columns(value.replace(old, new))
    return rows
