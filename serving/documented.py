"""What endpoints say of themselves: their answers and every problem that they may answer with."""

from typing import Annotated

from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from data_contracts.tables import MAX_ID_LENGTH
from serving.errors import (
    PROBLEM_MEDIA_TYPE,
    Fault,
    Internal,
    InvalidJson,
    InvalidRequest,
    InvalidTenant,
    NotReady,
    NotStored,
    PayloadTooLarge,
    Problem,
    ServingError,
    SurfaceNotFound,
    TenantNotFound,
    UnknownType,
    UnsupportedMediaType,
)
from serving.refusal import AnyRequest
from serving.requests import MAX_K

PathId = Annotated[str, PathParameter(min_length=1, max_length=MAX_ID_LENGTH)]
OptionalK = Annotated[int | None, QueryParameter(ge=1, le=MAX_K)]
OptionalSurface = Annotated[str | None, QueryParameter(max_length=64)]

READ = (InvalidRequest, InvalidJson, PayloadTooLarge, UnsupportedMediaType, Internal)
GOTTEN = (InvalidRequest, InvalidTenant, UnknownType, TenantNotFound, SurfaceNotFound, NotReady, Internal)
SENT = (*READ, InvalidTenant, TenantNotFound, NotReady, NotStored)
POSTED = tuple(dict.fromkeys((*READ, *GOTTEN)))


def answers(success: type, *errors: type[ServingError], status: int = 200) -> dict[int, ResponseSpec]:
    """The answer of an endpoint by status, the good one and the documented errors."""
    codes: dict[int, list[str]] = {}
    for error in errors:
        codes.setdefault(error.status, []).append(error.code)
    good = ResponseSpec(success, generate_examples=False, description=(success.__doc__ or "").partition("\n")[0])
    return {status: good} | {
        each: ResponseSpec(
            Problem,
            generate_examples=False,
            description=", ".join(sorted(codes[each])),
            media_type=PROBLEM_MEDIA_TYPE,
        )
        for each in sorted(codes)
    }


def refuse_unknown(request: AnyRequest, *known: str) -> None:
    """Raises ``InvalidRequest`` for a query parameter that the endpoint would otherwise silently ignore."""
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        faults = [
            Fault(pointer=f"query/{name[:64]}", code="unknown_field", detail=f"known are {', '.join(known)}")
            for name in unknown
        ]
        raise InvalidRequest(f"there is no parameter {', '.join(name[:64] for name in unknown)}", faults)
