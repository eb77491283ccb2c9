"""From any exception to a problem document, and from any body to a strict record: where Litestar meets our errors."""

from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from serving.errors import (
    PROBLEM_MEDIA_TYPE,
    Fault,
    Internal,
    InvalidJson,
    InvalidRequest,
    MethodNotAllowed,
    PayloadTooLarge,
    RouteNotFound,
    ServingError,
    UnsupportedMediaType,
    problem,
)
from serving.faults import fault
from serving.identity import trace_id
from serving.requests import MAX_BODY_BYTES
from serving.server import call_of

T = TypeVar("T", bound=msgspec.Struct)
AnyRequest = Request[Any, Any, Any]
_encode = msgspec.json.Encoder().encode


class StrictRequest(AnyRequest):
    """Bodies are decoded once, strictly: no unknown fields, no text for a number, nothing behind the document."""

    async def json(self) -> Any:
        """The record that the handler's ``data`` is declared as. Raises ``ServingError``."""
        if self.content_type[0] not in {"application/json", "text/json"} and not self.content_type[0].endswith("+json"):
            raise UnsupportedMediaType(f"the body is {self.content_type[0] or 'of no type'}; send application/json")
        return decoded(await self.body(), self.route_handler.opt["body"])


def decoded(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The record in ``body``. Raises ``InvalidRequest``, ``InvalidJson``."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        found = fault(error)
        raise InvalidRequest(f"{found.pointer or 'the body'}: {found.detail}", [found]) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(str(error)) from error


def refused(request: AnyRequest, exception: Exception) -> Response[bytes]:
    """The problem document of any exception; what nobody expected is logged, and tells nothing of itself."""
    call = call_of(request.scope)
    error = as_serving_error(request, exception)
    if isinstance(error, Internal):
        request.app.state.log.error("unhandled", request_id=call.request_id, exc_info=exception)
    path = quote(request.scope["path"], safe="/")
    document = problem(error, request_id=call.request_id, path=path, trace_id=trace_id(call.headers))
    return Response(
        _encode(document),
        status_code=error.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers={"cache-control": "no-store", **error.headers},
    )


def as_serving_error(request: AnyRequest, exception: Exception) -> ServingError:
    """What the framework refuses, in our terms; everything else is our mistake."""
    path = request.scope["path"]
    error: ServingError = Internal("the server made a mistake; its log has more under this request id")
    match exception:
        case ServingError():
            error = exception
        case NotFoundException():
            error = RouteNotFound(f"there is nothing at {path}")
        case MethodNotAllowedException(headers=headers):
            allow = (headers or {}).get("allow", "").split(", ")
            error = MethodNotAllowed(f"{path} does not answer to {request.scope['method']}", allow)
        case RequestEntityTooLarge():
            error = PayloadTooLarge(f"a body has at most {MAX_BODY_BYTES} bytes")
        case ValidationException(extra=list() as extra):
            faults = [_parameter_fault(part) for part in extra]
            error = InvalidRequest("; ".join(f"{each.pointer}: {each.detail}" for each in faults), faults)
        case HTTPException(status_code=status, detail=detail) if status < Internal.status:
            error = InvalidRequest(detail)
    return error


def _parameter_fault(part: dict[str, Any]) -> Fault:
    source = part.get("source", "body")
    if isinstance(source, ParamType):
        return Fault(pointer=f"{source.value}/{part.get('key', '')}", code="format", detail=part["message"])
    return Fault(pointer="", code="missing", detail="a JSON body is required")
