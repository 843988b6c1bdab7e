"""Pages of this room."""

from django.urls import path

from catalog.review import views

urlpatterns = [
    path("runs/<int:run_id>/submission", views.submit, name="run_submit"),
    path("reviews", views.queue, name="reviews"),
    path("reviews/<int:review_id>", views.review, name="review"),
    path("reviews/<int:review_id>/opening", views.take, name="review_take"),
    path("reviews/<int:review_id>/decision", views.decide, name="review_decide"),
    path("reviews/<int:review_id>/withdrawal", views.withdraw, name="review_withdraw"),
]
