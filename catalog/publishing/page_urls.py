"""Pages of this room: what everybody may see, and what is read across all rooms."""

from django.urls import path

from catalog.publishing import steward, views

urlpatterns = [
    path("", views.home, name="home"),
    path("datasets/<slug:slug>", views.dataset, name="dataset"),
    path("datasets/<slug:slug>/releases/<int:number>", views.release, name="release"),
    path("datasets/<slug:slug>/releases/<int:number>/stop", views.stop, name="release_stop"),
    path("reviews/<int:review_id>/copy", views.order_copy, name="copy_again"),
    path("register", views.register, name="register"),
    path("trail", views.trail, name="trail"),
    path("steward", steward.home, name="steward"),
    path("steward/datasets/<slug:slug>", steward.dataset, name="steward_dataset"),
]
