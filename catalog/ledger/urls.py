"""Routes under /api/v1/."""

from django.urls import path

from catalog.ledger import api

urlpatterns = [
    path("populations", api.PopulationsView.as_view(), name="api-populations"),
    path("populations/<slug:slug>/ledger", api.LedgerView.as_view(), name="api-ledger"),
]
