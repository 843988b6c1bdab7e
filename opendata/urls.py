"""All addresses. Each room brings its API routes in ``urls.py`` and its pages in ``page_urls.py``."""

from django.urls import include, path

from catalog.api import handlers
from catalog.publishing import docs

API_ROOMS = ("ledger", "datasets", "releases", "review", "publishing")
PAGE_ROOMS = ("people", "datasets", "releases", "review", "publishing")

urlpatterns = [
    path("api/v1/", include("catalog.api.urls")),
    *(path("api/v1/", include(f"catalog.{room}.urls")) for room in API_ROOMS),
    path("api/docs", docs.page, name="api-docs"),
    path("api/docs/<str:name>", docs.asset, name="api-docs-asset"),
    path("problems/<slug:code>", handlers.problem_page, name="problem"),
    *(path("", include(f"catalog.{room}.page_urls")) for room in PAGE_ROOMS),
]

handler400 = "catalog.api.handlers.bad_request"
handler403 = "catalog.api.handlers.permission_denied"
handler404 = "catalog.api.handlers.not_found"
handler500 = "catalog.api.handlers.server_error"
