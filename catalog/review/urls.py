"""API routes of this room, under /api/v1/."""

from django.urls import path

from catalog.review import api

urlpatterns = [
    path("runs/<int:run_id>/submission", api.SubmissionView.as_view(), name="api-submission"),
    path("reviews", api.ReviewsView.as_view(), name="api-reviews"),
    path("reviews/<int:review_id>", api.ReviewView.as_view(), name="api-review"),
    path("reviews/<int:review_id>/opening", api.OpeningView.as_view(), name="api-opening"),
    path("reviews/<int:review_id>/withdrawal", api.ReviewWithdrawalView.as_view(), name="api-review-withdrawal"),
    path("reviews/<int:review_id>/decisions", api.DecisionsView.as_view(), name="api-decisions"),
]
