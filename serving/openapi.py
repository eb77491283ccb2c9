"""The OpenAPI document: Litestar describes the routes, msgspec the bodies, because it is msgspec that checks them."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Reference, Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.types import ControllerRouterHandler, Method
from litestar.types.internal_types import PathParameterDefinition
from litestar.typing import FieldDefinition

from serving.errors import Problem
from serving.reply import Reply
from serving.requests import RecommendRequest, SimilarRequest
from serving.responses import Recommendations, Validated
from serving.routes.health import Health
from serving.routes.recommendations import Products
from serving.routes.version import Version, own_version
from serving.sent import EventBatch, Received, SentEvent

BODIES = (
    *(RecommendRequest, SimilarRequest, Recommendations, Validated, Products),
    *(EventBatch, SentEvent, Received, Health, Version, Problem),
)
DESCRIPTION = """Ranked lists from published generations, and a place to say what came of them.

Every error is a problem document (RFC 9457).

There is no access control in this version: the tenant is the header below, and the server binds to loopback."""


class Named(OpenAPISchemaPlugin):
    """Bodies are referred to by the names of their classes; what these mean is filled in from msgspec."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Structs, and the reply whose bytes are ready."""
        return field_definition.is_subclass_of((msgspec.Struct, Reply))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Any:
        """A reference; nothing is said of a reply, because its handler documents it."""
        if field_definition.is_subclass_of(Reply):
            return Schema()
        return Reference(f"#/components/schemas/{field_definition.annotation.__name__}")


def document(handlers: Iterable[ControllerRouterHandler], tenant_header: str) -> dict[str, Any]:
    """OpenAPI 3.1 of these handlers."""
    config = OpenAPIConfig(
        "recsys serving",
        own_version(),
        description=DESCRIPTION,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
    )
    app = Litestar(list(handlers), openapi_config=config, plugins=[Named()])
    described = app.openapi_schema.to_schema()
    _, components = msgspec.json.schema_components(BODIES, ref_template="#/components/schemas/{name}")
    described["components"] = {"schemas": dict(sorted(components.items()))}
    for operation, opt in _operations(app, described):
        _complete(operation, opt, tenant_header)
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(described))
    return plain


def yaml(value: Any, indent: str = "") -> str:
    """The document as YAML: block style, every scalar as JSON, which YAML 1.2 reads the same."""
    if isinstance(value, dict) and value:
        return "".join(f"{indent}{_scalar(key)}:{_nested(inner, indent)}" for key, inner in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{indent}-{_nested(inner, indent)}" for inner in value)
    return f"{indent}{_scalar(value)}\n"


def _nested(value: Any, indent: str) -> str:
    if isinstance(value, dict | list) and value:
        return f"\n{yaml(value, indent + '  ')}"
    return f" {_scalar(value)}\n"


def _scalar(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _operations(app: Litestar, described: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every described operation with the options of its handler."""
    for route in app.routes:
        path = described["paths"].get(route.path_format, {})
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods:
                if method.lower() in path:
                    yield path[method.lower()], handler.opt


def _operation_id(_: HTTPRouteHandler, method: Method, path: list[str | PathParameterDefinition]) -> str:
    return "_".join([method.lower(), *(part for part in path if isinstance(part, str))])


def _complete(operation: dict[str, Any], opt: dict[str, Any], tenant_header: str) -> None:
    operation["deprecated"] = False
    if "alias_of" in opt:
        operation["x-alias-of"] = opt["alias_of"]
    if "takes" in opt:
        operation["requestBody"]["content"]["application/json"]["schema"] = opt["takes"]
    if "endpoint" in opt:
        operation["parameters"] = [
            *operation.get("parameters", []),
            _header(tenant_header, "For which tenant; may be left out where there is only one.", _TENANT),
            _header("X-Request-Id", "Repeated in answer and logs; one that cannot stand there is replaced.", {}),
        ]


def _header(name: str, description: str, limits: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "string", **limits}
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


_TENANT = {"maxLength": 64, "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$"}
