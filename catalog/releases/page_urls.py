"""Pages of this room."""

from django.urls import path

from catalog.releases import comparison_views, estimate_views, views

urlpatterns = [
    path("steward/datasets/<slug:slug>/recipe", views.recipe, name="recipe"),
    path("runs/<int:run_id>", views.run, name="run"),
    path("runs/<int:run_id>/progress", views.progress, name="run_progress"),
    path("runs/<int:run_id>/cancellation", views.cancel, name="run_cancel"),
    path("runs/<int:run_id>/measured", views.drawn, name="run_measured"),
    path("steward/datasets/<slug:slug>/comparisons", comparison_views.ask, name="comparison_ask"),
    path("comparisons/<int:comparison_id>", comparison_views.comparison, name="comparison"),
    path("comparisons/<int:comparison_id>/progress", comparison_views.progress, name="comparison_progress"),
    path("comparisons/<int:comparison_id>/picture", comparison_views.drawn, name="comparison_picture"),
    path("comparisons/<int:comparison_id>/cancellation", comparison_views.cancel, name="comparison_cancel"),
    path("steward/datasets/<slug:slug>/estimates", estimate_views.ask, name="estimate_ask"),
    path("estimates/<int:estimate_id>", estimate_views.estimate, name="estimate"),
    path("estimates/<int:estimate_id>/progress", estimate_views.progress, name="estimate_progress"),
    path("estimates/<int:estimate_id>/cancellation", estimate_views.cancel, name="estimate_cancel"),
]
