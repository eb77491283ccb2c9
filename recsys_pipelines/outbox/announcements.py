"""What waits to be told: announcements in the outbox, each written once with the change that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from data_contracts.blobs import Blobs
from data_contracts.errors import ContractError
from data_contracts.layout import outbox_prefix
from data_contracts.manifest import Refreshed, canonical, decode
from data_contracts.training_records import TrainingCompleted, TrainingStarted


class NotDelivered(ContractError):
    """A receiver did not take an announcement; it stays in the outbox, and those after it wait for it."""


Told = Refreshed | TrainingStarted | TrainingCompleted
TYPES: Mapping[str, type[Told]] = {
    "ModelTrainingStarted": TrainingStarted,
    "ModelTrainingCompleted": TrainingCompleted,
    "RecommendationsRefreshed": Refreshed,
}


@dataclass(frozen=True)
class Announcement:
    """One announcement; ``name`` is the last part of its key, and with the tenant its id for all time."""

    name: str
    told: Told

    @property
    def id(self) -> str:
        """What a receiver knows a repeated one by."""
        return f"{self.told.tenant}/{self.name.removesuffix('.json')}"

    @property
    def type(self) -> str:
        """What happened, such as ``RecommendationsRefreshed``."""
        return self.name.partition("-")[0]

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.told.at

    def envelope(self) -> bytes:
        """The announcement as a CloudEvent 1.0 in JSON (structured mode): the same bytes each time it is sent."""
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"recsys/{self.told.tenant}",
            "type": self.type,
            "time": self.at,
            "datacontenttype": "application/json",
            "data": msgspec.Raw(canonical(self.told)),
        }
        return msgspec.json.encode(event)


def announcements(store: Blobs, tenant: str) -> list[Announcement]:
    """All that stand in the tenant's outbox, delivered or not: by time, those of one moment by name."""
    prefix = outbox_prefix(tenant)
    names = [entry.key.removeprefix(prefix) for entry in store.entries(prefix)]
    found = [Announcement(name, _read(store, prefix + name)) for name in names]
    return sorted(found, key=lambda each: (each.at, each.name))


def _read(store: Blobs, key: str) -> Told:
    type = key.rpartition("/")[2].partition("-")[0]
    return decode(store.read(key), TYPES[type], key)
