"""API routes of this room, under /api/v1/."""

from django.urls import path

from catalog.releases import api, comparison_api, estimate_api

urlpatterns = [
    path("datasets/<slug:slug>/recipes", api.RecipesView.as_view(), name="api-recipes"),
    path("datasets/<slug:slug>/runs", api.RunsView.as_view(), name="api-runs"),
    path("datasets/<slug:slug>/runs:preview", api.PreviewView.as_view(), name="api-preview"),
    path("runs/<int:run_id>", api.RunView.as_view(), name="api-run"),
    path("datasets/<slug:slug>/comparisons", comparison_api.ComparisonsView.as_view(), name="api-comparisons"),
    path("comparisons/<int:comparison_id>", comparison_api.ComparisonView.as_view(), name="api-comparison"),
    path("datasets/<slug:slug>/estimates", estimate_api.EstimatesView.as_view(), name="api-estimates"),
    path("estimates/<int:estimate_id>", estimate_api.EstimateView.as_view(), name="api-estimate"),
]
