"""Requests for training: written once by whoever asks, started by whoever watches, gone when their run has ended."""

from contextlib import suppress

from data_contracts.blobs import Blobs
from data_contracts.errors import BlobExists
from data_contracts.layout import request_key, requests_prefix
from data_contracts.manifest import canonical, decode
from data_contracts.training_records import TrainingRequest


def ask(store: Blobs, request: TrainingRequest) -> bool:
    """Leave a request; False if one of that id was left before, which then stands."""
    with suppress(BlobExists):
        store.create(request_key(request.tenant, request.request_id), canonical(request))
        return True
    return False


def asked(store: Blobs, tenant: str) -> list[TrainingRequest]:
    """What is asked for: oldest first, those of one moment by id."""
    keys = [entry.key for entry in store.entries(requests_prefix(tenant))]
    found = [decode(store.read(key), TrainingRequest, key) for key in keys]
    return sorted(found, key=lambda each: (each.at, each.request_id))


def withdraw(store: Blobs, tenant: str, request_id: str) -> None:
    """Take a request back, as when its run was started; one that is not there is no error."""
    store.delete(request_key(tenant, request_id))
