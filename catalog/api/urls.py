"""Routes under /api/v1/ of the rooms below this one: people and the trail."""

from django.urls import path

from catalog.api import accounts, sessions, trail

urlpatterns = [
    path("session", accounts.SessionView.as_view(), name="api-session"),
    path("sessions", sessions.SessionsView.as_view(), name="api-sessions"),
    path("sessions/<int:session_id>", sessions.OpenSessionView.as_view(), name="api-open-session"),
    path("me", accounts.MeView.as_view(), name="api-me"),
    path("keys", accounts.KeysView.as_view(), name="api-keys"),
    path("keys/<int:key_id>", accounts.KeyView.as_view(), name="api-key"),
    path("trail", trail.TrailView.as_view(), name="api-trail"),
    path("trail/export", trail.TrailExportView.as_view(), name="api-trail-export"),
    path("trail/verification", trail.TrailVerificationView.as_view(), name="api-trail-verification"),
]
