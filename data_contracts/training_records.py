"""What is said about training: that it was asked for, began and ended. What is announced waits in the outbox."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from data_contracts.records import Id, Timestamp

Ending = Literal["released", "unchanged", "not_released", "failed", "abandoned"]


class TrainingStarted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event ``ModelTrainingStarted``: a run began to fit models; ``day`` is the last one that they may know."""

    schema: Literal["recsys.training_started/1"] = "recsys.training_started/1"
    tenant: str
    run_id: Id
    day: date
    algorithms: tuple[str, ...]
    at: Timestamp


class TrainingCompleted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The event ``ModelTrainingCompleted``: the run ended, and how.

    ``released``: a new generation is served; ``unchanged``: the same was served before; ``not_released``: models were
    fitted, and no release followed (a gate or a check stopped it, or none was asked for); ``failed``: a step ended with
    ``error``; ``abandoned``: the process was killed, which the tenant's next run noticed.
    """

    schema: Literal["recsys.training_completed/1"] = "recsys.training_completed/1"
    tenant: str
    run_id: Id
    day: date
    ending: Ending
    started_at: Timestamp
    at: Timestamp
    generations: dict[str, int] = {}
    error: str = ""

    @property
    def seconds(self) -> float:
        """From the first fit to the end."""
        return (self.at - self.started_at).total_seconds()


class TrainingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody asks for a run; a sensor starts it. Without days it is for yesterday (UTC), as a schedule would ask."""

    schema: Literal["recsys.training_request/1"] = "recsys.training_request/1"
    tenant: str
    request_id: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    at: Timestamp
    by: str
    first: date | None = None
    last: date | None = None
    full: bool = False
