"""The OpenAPI document, and a page to browse it and try it; all from this machine."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import patched_settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api.permissions import ANYONE
from catalog.api.renderers import to_json
from catalog.api.views import ApiView
from catalog.publishing import caching
from catalog.publishing.schema import NOT_MODIFIED, tag_headers

ASSETS: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "favicon-32x32.png": "image/png"}
START_NAME: Final = "start.js"
# Sends the CSRF token along, so that somebody who is signed in can try what needs it.
START: Final = """
const token = () => (document.cookie.match(/(?:^|; )csrftoken=([^;]+)/) || [])[1];
window.ui = SwaggerUIBundle({
  url: "/api/v1/openapi.json", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true, docExpansion: "list",
  defaultModelsExpandDepth: 0, validatorUrl: null,
  requestInterceptor: (request) => {
    const found = token();
    if (found && request.method !== "GET") request.headers["X-CSRFToken"] = found;
    return request;
  },
});
"""
PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="/api/docs/favicon-32x32.png">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<main id="docs"></main>
<noscript><p>This page needs JavaScript. The same as a document: <a href="/api/v1/openapi.json">openapi.json</a></p></noscript>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""


@cache
def document() -> tuple[bytes, str]:
    """The OpenAPI 3.1 document of this process's code, and its entity tag."""
    with patched_settings({"POSTPROCESSING_HOOKS": []}):  # choices stay where they are used; names for them would collide
        made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    body = to_json(made)
    return body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class OpenApiView(ApiView):
    """This document."""

    required_scopes: ClassVar = {"GET": ANYONE}

    @extend_schema(
        operation_id="openapi", tags=["documentation"], parameters=tag_headers(), responses={200: OpenApiTypes.OBJECT, **NOT_MODIFIED}
    )
    def get(self, request: Request) -> HttpResponse:
        body, tag = document()
        if caching.matches(request, tag):
            return caching.not_modified(tag)
        return caching.tagged(HttpResponse(body, content_type="application/json"), tag)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """``/api/docs``."""
    return HttpResponse(PAGE)


@require_safe
def asset(request: HttpRequest, name: str) -> HttpResponse:
    """The few files that the page needs, out of the package they come in."""
    body, kind = _asset(name)
    response = HttpResponse(body, content_type=kind)
    response["Cache-Control"] = "public, max-age=86400"
    return response


@cache
def _read(name: str) -> bytes:
    return (files("drf_spectacular_sidecar") / "static/drf_spectacular_sidecar/swagger-ui-dist" / name).read_bytes()


def _asset(name: str) -> tuple[bytes, str]:
    if name == START_NAME:
        return START.encode(), "text/javascript; charset=utf-8"
    if name not in ASSETS:
        raise Http404
    return _read(name), ASSETS[name]
