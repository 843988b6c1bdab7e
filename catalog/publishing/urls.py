"""API routes of this room, under /api/v1/."""

from django.urls import path

from catalog.publishing import api, docs, rows_api

_DATASET = "datasets/<slug:slug>"
_RELEASE = f"{_DATASET}/releases/<int:number>"

urlpatterns = [
    path("datasets", api.DatasetsView.as_view(), name="api-datasets"),
    path(_DATASET, api.DatasetView.as_view(), name="api-dataset"),
    path(f"{_DATASET}/releases", api.ReleasesView.as_view(), name="api-releases"),
    path(_RELEASE, api.ReleaseView.as_view(), name="api-release"),
    path(f"{_DATASET}/records", rows_api.CurrentRecordsView.as_view(), name="api-records"),
    path(f"{_RELEASE}/records", rows_api.ReleaseRecordsView.as_view(), name="api-release-records"),
    path(f"{_DATASET}/exports/<str:file_format>", rows_api.CurrentExportView.as_view(), name="api-export"),
    path(f"{_RELEASE}/exports/<str:file_format>", rows_api.ReleaseExportView.as_view(), name="api-release-export"),
    path("register", api.RegisterView.as_view(), name="api-register"),
    path("reviews/<int:review_id>/copy", api.CopyView.as_view(), name="api-copy"),
    path("releases/<int:release_id>/suspension", api.SuspensionView.as_view(), name="api-suspension"),
    path("releases/<int:release_id>/withdrawal", api.WithdrawalView.as_view(), name="api-withdrawal"),
    path("openapi.json", docs.OpenApiView.as_view(), name="api-openapi"),
]
