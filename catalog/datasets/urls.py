"""API routes of this room, under /api/v1/. ``datasets`` and ``datasets/<slug>`` are read in public: publishing/urls.py."""

from django.urls import path

from catalog.datasets import api

urlpatterns = [
    path("datasets/<slug:slug>/entry", api.EntryView.as_view(), name="api-entry"),
    path("datasets/<slug:slug>/steward", api.StewardView.as_view(), name="api-steward"),
    path("datasets/<slug:slug>/hierarchies", api.HierarchiesView.as_view(), name="api-hierarchies"),
    path("datasets/<slug:slug>/hierarchies/<str:name>", api.HierarchyView.as_view(), name="api-hierarchy"),
    path("datasets/<slug:slug>/versions", api.VersionsView.as_view(), name="api-versions"),
    path("datasets/<slug:slug>/versions/<int:version_id>", api.VersionView.as_view(), name="api-version"),
    path("datasets/<slug:slug>/versions/<int:version_id>/columns", api.ColumnsView.as_view(), name="api-columns"),
]
