"""Tell whoever a tenant's document names; a receiver that cannot be told is a fact, and stops nothing else."""

from recsys_pipelines.outbox.delivery import Delivered, deliver, waiting
from recsys_pipelines.outbox.sinks import sinks
from recsys_pipelines.sources.source import SourceError
from recsys_pipelines.workshop import Workshop


def tell(shop: Workshop, tenant: str) -> Delivered:
    """Deliver what waits in the tenant's outbox. Raises ``UnknownTenant``."""
    document = shop.tenant(tenant).document
    try:
        return deliver(shop.store, tenant, sinks(document, shop.environ, shop.now), shop.now)
    except SourceError as error:  # a variable that is not set
        return Delivered((), len(waiting(shop.store, tenant)), str(error))


def wants_to_be_told(shop: Workshop, tenant: str) -> bool:
    """Whether the tenant's document names anybody."""
    notify = shop.tenant(tenant).document.notify
    return bool(notify.webhooks or notify.topics)
