"""Pages of this room."""

from django.urls import path

from catalog.releases import views

urlpatterns = [
    path("steward/datasets/<slug:slug>/recipe", views.recipe, name="recipe"),
    path("runs/<int:run_id>", views.run, name="run"),
    path("runs/<int:run_id>/progress", views.progress, name="run_progress"),
    path("runs/<int:run_id>/cancellation", views.cancel, name="run_cancel"),
]
