"""From any exception to a problem document, and from any body to a strict record: where Litestar meets our errors."""

import re
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
from serving.identity import header, trace_id
from serving.logs import Log
from serving.requests import MAX_BODY_BYTES
from serving.server import call_of

T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]
NO_BODY = InvalidRequest(
    "a JSON body is required", [Fault(pointer="", code="missing", detail="a JSON body is required")]
)
_MISSING = re.compile(r"Missing required (?P<source>\w+) parameter '(?P<name>\w+)'")  # how Litestar says it
_encode = msgspec.json.Encoder().encode


class StrictRequest(AnyRequest):
    """Bodies are decoded once, strictly: no unknown fields, no text for a number, nothing behind the document."""

    async def json(self) -> Any:
        """The record that the handler's ``data`` is declared as. Raises ``ServingError``."""
        return decoded(
            await self.body(), header(call_of(self.scope).headers, b"content-type"), self.route_handler.opt["body"]
        )


def decoded(body: bytes, content_type: bytes | None, decoder: msgspec.json.Decoder[T]) -> T:
    """The record in ``body``. Raises ``InvalidRequest``, ``InvalidJson``, ``UnsupportedMediaType``."""
    if not body:
        raise NO_BODY
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        shown = kind.decode("latin-1")[:64] or "of no type"
        raise UnsupportedMediaType(f"the body is {shown}; send application/json")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        found = fault(error)
        raise InvalidRequest(f"{found.pointer or 'the body'}: {found.detail}", [found]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson(str(error)) from error


def refused(request: AnyRequest, exception: Exception) -> Response[bytes]:
    """The problem document of any exception, as Litestar sends it."""
    error, body = refusal(request.scope, exception, request.app.state.log)
    return Response(body, status_code=error.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers_of(error))


def refusal(scope: Any, exception: Exception, log: Log) -> tuple[ServingError, bytes]:
    """The error and its problem document. What nobody expected is logged, and tells nothing of itself."""
    call = call_of(scope)
    error = as_serving_error(scope, exception)
    if isinstance(error, Internal):
        log.error("unhandled", request_id=call.request_id, exc_info=exception)
    path = quote(scope["path"], safe="/")
    document = problem(error, request_id=call.request_id, path=path, trace_id=trace_id(call.headers))
    return error, _encode(document)


def headers_of(error: ServingError) -> dict[str, str]:
    """The headers of a problem, besides its type and length."""
    return {"cache-control": "no-store", **error.headers}


def as_serving_error(scope: Any, exception: Exception) -> ServingError:
    """What the framework refuses, in our terms; everything else is our mistake."""
    path = scope["path"]
    error: ServingError = Internal("the server made a mistake; its log has more under this request id")
    match exception:
        case ServingError():
            error = exception
        case NotFoundException():
            error = RouteNotFound(f"there is nothing at {path}")
        case MethodNotAllowedException(headers=headers):
            allow = (headers or {}).get("allow", "").split(", ")
            error = MethodNotAllowed(f"{path} does not answer to {scope['method']}", allow)
        case RequestEntityTooLarge():
            error = too_large(scope["route_handler"].opt.get("largest", MAX_BODY_BYTES))
        case ValidationException(extra=list() as extra):
            error = _bad_parameters([_parameter_fault(part, scope) for part in extra])
        case ValidationException(detail=detail) if missing := _MISSING.match(detail):
            pointer = f"{missing['source']}/{missing['name']}"
            error = _bad_parameters([Fault(pointer=pointer, code="missing", detail="it is required")])
        case HTTPException(status_code=status, detail=detail) if status < Internal.status:
            error = InvalidRequest(detail)
    return error


def too_large(largest: int) -> PayloadTooLarge:
    """What is said of a body with more than ``largest`` bytes."""
    return PayloadTooLarge(f"a body has at most {largest} bytes")


def _bad_parameters(faults: list[Fault]) -> InvalidRequest:
    if list(NO_BODY.faults) == faults:
        return NO_BODY
    return InvalidRequest("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)


def _parameter_fault(part: dict[str, Any], scope: Any) -> Fault:
    source = part.get("source", "body")
    if not isinstance(source, ParamType):
        return NO_BODY.faults[0]
    parameter = scope["route_handler"].parsed_fn_signature.parameters.get(part.get("key"))
    name = getattr(getattr(parameter, "kwarg_definition", None), "name", None) or part.get("key", "")
    return Fault(pointer=f"{source.value}/{name}", code="format", detail=part["message"])
