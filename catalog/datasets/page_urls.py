"""Pages of this room. (A dataset's own page is in publishing: it shows the whole way.)"""

from django.urls import path

from catalog.datasets import views

urlpatterns = [
    path("steward/datasets/new", views.new, name="steward_dataset_new"),
    path("steward/datasets/<slug:slug>/description", views.edit, name="steward_dataset_edit"),
    path("steward/datasets/<slug:slug>/upload", views.upload, name="upload"),
    path("steward/datasets/<slug:slug>/versions/<int:number>/destruction", views.destroy, name="version_destroy"),
    path("steward/datasets/<slug:slug>/columns", views.columns, name="columns"),
    path("steward/datasets/<slug:slug>/hierarchies", views.hierarchy, name="hierarchies"),
    path("people/<int:person_id>/datasets/<slug:slug>/steward", views.hand_over, name="hand_over"),
]
