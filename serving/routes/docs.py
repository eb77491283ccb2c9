"""The API describes itself: ``/openapi.json`` and ``.yaml``, Swagger UI under ``/docs``, errors under ``/problems``.

Swagger UI comes out of a Python package; its page refers to nothing outside of this server.
"""

from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # a path and nothing else

from serving.errors import ALL, slug
from serving.refusal import AnyRequest

PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>recsys serving</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" href="/docs/assets/favicon-32x32.png">
</head>
<body>
<div id="ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = b"""SwaggerUIBundle({url: "/openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null});
"""
FENCE = {  # the browser enforces it: nothing is loaded from elsewhere
    "content-security-policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:",
    "x-content-type-options": "nosniff",
}


@get("/openapi.json", include_in_schema=False)
async def openapi_json(request: AnyRequest) -> Response[bytes]:
    """The document as JSON."""
    return Response(request.app.state.openapi_json, media_type="application/json")


@get("/openapi.yaml", include_in_schema=False)
async def openapi_yaml(request: AnyRequest) -> Response[bytes]:
    """The document as YAML."""
    return Response(request.app.state.openapi_yaml, media_type="application/yaml")


@get("/docs", include_in_schema=False)
async def docs() -> Response[bytes]:
    """A page to read and try the API."""
    return Response(PAGE, media_type="text/html", headers=FENCE)


@get("/docs/start.js", include_in_schema=False)
async def start() -> Response[bytes]:
    """Starts Swagger UI; a file of its own, so that the page needs no inline script."""
    return Response(START, media_type="text/javascript", headers=FENCE)


@get("/problems/{name:str}", include_in_schema=False)
async def explained(name: FromPath[str]) -> Response[str]:
    """What the ``type`` of a problem means."""
    for error in ALL:
        if slug(error) == name:
            return Response(f"{error.code} ({error.status})\n{error.__doc__}\n", media_type="text/plain")
    raise NotFoundException


assets = create_static_files_router("/docs/assets", directories=[swagger_ui_path], include_in_schema=False)
HANDLERS: tuple[Any, ...] = (openapi_json, openapi_yaml, docs, start, explained, assets)
