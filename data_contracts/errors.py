"""What can be wrong with a thing that two processes exchange.

ContractError
|- InvalidName          a tenant, surface, key or id that may not stand in a path
|- InvalidDocument      a tenant document, manifest or record that breaks its schema
|- InvalidStore         a store's URL, or a key file, that cannot be used: the configuration has to change
|- BlobError
   |- BlobMissing       nothing is stored under that key
   |- BlobExists        create-only write on a key that is taken by other content
   |- BlobChanged       compare-and-swap lost: somebody else moved it first
   |- BlobCorrupt       the bytes are not those that the hash or the signature promised
   |- BlobForeign       the value says that it belongs to another tenant, surface or generation than its key
   |- StoreUnavailable  the store did not answer; trying again later may help
"""


class ContractError(Exception):
    """A thing that two processes exchange is not what it should be."""


class InvalidName(ContractError):
    """A name may not be used as a part of a key."""


class InvalidDocument(ContractError):
    """A document breaks its schema."""


class InvalidStore(ContractError):
    """A store or key is configured in a way that cannot be used."""


class BlobError(ContractError):
    """The blob store refused or could not do what was asked."""


class BlobMissing(BlobError):
    """Nothing is stored under that key."""


class BlobExists(BlobError):
    """The key is taken, by other content; blobs and manifests are written once."""


class BlobChanged(BlobError):
    """Somebody else changed the value since it was read."""


class BlobCorrupt(BlobError):
    """The stored bytes are not the promised ones."""


class BlobForeign(BlobError):
    """The value belongs under another key."""


class StoreUnavailable(BlobError):
    """The store did not answer."""
