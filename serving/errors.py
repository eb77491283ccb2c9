"""What can be wrong with a request or with us, and the one function that turns it into an answer (RFC 9457).

ServingError                     status code
|- InvalidRequest                400    RECSYS_INVALID_REQUEST
|- InvalidJson                   400    RECSYS_INVALID_JSON
|- InvalidTenant                 400    RECSYS_INVALID_TENANT
|- UnknownType                   400    RECSYS_UNKNOWN_TYPE
|- RouteNotFound                 404    RECSYS_NOT_FOUND
|- TenantNotFound                404    RECSYS_TENANT_NOT_FOUND
|- SurfaceNotFound               404    RECSYS_SURFACE_NOT_FOUND
|- MethodNotAllowed              405    RECSYS_METHOD_NOT_ALLOWED
|- PayloadTooLarge               413    RECSYS_PAYLOAD_TOO_LARGE
|- UnsupportedMediaType          415    RECSYS_UNSUPPORTED_MEDIA_TYPE
|- Internal                      500    RECSYS_INTERNAL
|- NotReady                      503    RECSYS_NOT_READY
|- NotStored                     503    RECSYS_NOT_STORED

The docstring of a class is the title of its problem; the message of an instance is the detail.
"""

from collections.abc import Iterable
from typing import ClassVar

import msgspec

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. ``pointer`` is a JSON pointer into the body, or ``query/NAME`` or ``path/NAME``."""

    pointer: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every answer that is not a success."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    trace_id: str | None = None
    errors: tuple[Fault, ...] = ()
    retry_after_s: int | None = None


class ServingError(Exception):
    """Something is wrong."""

    status: ClassVar[int]
    code: ClassVar[str]
    retry_after_s: ClassVar[int | None] = None

    def __init__(self, detail: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to this error."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}


class InvalidRequest(ServingError):
    """The request breaks the contract of this endpoint."""

    status, code = 400, "RECSYS_INVALID_REQUEST"


class InvalidJson(ServingError):
    """The body is not one JSON document."""

    status, code = 400, "RECSYS_INVALID_JSON"


class InvalidTenant(ServingError):
    """The request does not say for which tenant it is."""

    status, code = 400, "RECSYS_INVALID_TENANT"


class UnknownType(ServingError):
    """There is no such strategy or kind."""

    status, code = 400, "RECSYS_UNKNOWN_TYPE"


class RouteNotFound(ServingError):
    """There is nothing at this path."""

    status, code = 404, "RECSYS_NOT_FOUND"


class TenantNotFound(ServingError):
    """There is no such tenant."""

    status, code = 404, "RECSYS_TENANT_NOT_FOUND"


class SurfaceNotFound(ServingError):
    """The tenant has no such surface."""

    status, code = 404, "RECSYS_SURFACE_NOT_FOUND"


class MethodNotAllowed(ServingError):
    """This path does not answer to this method."""

    status, code = 405, "RECSYS_METHOD_NOT_ALLOWED"

    def __init__(self, detail: str, allow: Iterable[str]) -> None:
        super().__init__(detail)
        self.allow = tuple(sorted(allow))

    @property
    def headers(self) -> dict[str, str]:
        return {"allow": ", ".join(self.allow)}


class PayloadTooLarge(ServingError):
    """The body is larger than this endpoint reads."""

    status, code = 413, "RECSYS_PAYLOAD_TOO_LARGE"


class UnsupportedMediaType(ServingError):
    """The body is not declared as JSON."""

    status, code = 415, "RECSYS_UNSUPPORTED_MEDIA_TYPE"


class Internal(ServingError):
    """Something broke on our side."""

    status, code = 500, "RECSYS_INTERNAL"


class NotReady(ServingError):
    """Nothing is loaded that could answer yet."""

    status, code = 503, "RECSYS_NOT_READY"
    retry_after_s = 5


class NotStored(ServingError):
    """What was sent could not be stored, and nothing of it is kept."""

    status, code = 503, "RECSYS_NOT_STORED"
    retry_after_s = 5


ALL: tuple[type[ServingError], ...] = tuple(ServingError.__subclasses__())


def slug(error: type[ServingError]) -> str:
    """The last part of the problem's ``type``: its code in lower case, with dashes."""
    return error.code.removeprefix("RECSYS_").lower().replace("_", "-")


def problem(error: ServingError, *, request_id: str, path: str, trace_id: str | None = None) -> Problem:
    """The one translation of an error. ``type`` is relative: the server explains it at that path."""
    return Problem(
        type=f"/problems/{slug(type(error))}",
        title=(type(error).__doc__ or "").rstrip("."),
        status=error.status,
        detail=error.detail,
        instance=path,
        code=error.code,
        request_id=request_id,
        trace_id=trace_id,
        errors=error.faults,
        retry_after_s=error.retry_after_s,
    )
