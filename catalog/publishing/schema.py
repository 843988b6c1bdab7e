"""What the public operations have in common in the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

NOT_MODIFIED: Final[dict[Any, Any]] = {304: OpenApiResponse(description="You have it already: If-None-Match named its ETag.")}


def tag_headers() -> list[OpenApiParameter]:
    """If-None-Match in; ETag and Cache-Control out."""
    return [
        OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description="ETags that you hold."),
        OpenApiParameter("ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, response=[200]),
        OpenApiParameter("Cache-Control", OpenApiTypes.STR, OpenApiParameter.HEADER, required=True, response=[200]),
    ]
