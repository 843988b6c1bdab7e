"""Routes under /api/v1/ of the rooms below this one: people and the trail."""

from django.urls import path

from catalog.api import accounts, alarms, people, sessions, trail

urlpatterns = [
    path("session", accounts.SessionView.as_view(), name="api-session"),
    path("sessions", sessions.SessionsView.as_view(), name="api-sessions"),
    path("sessions/<int:session_id>", sessions.OpenSessionView.as_view(), name="api-open-session"),
    path("me", accounts.MeView.as_view(), name="api-me"),
    path("keys", accounts.KeysView.as_view(), name="api-keys"),
    path("keys/<int:key_id>", accounts.KeyView.as_view(), name="api-key"),
    path("alarms", alarms.AlarmsView.as_view(), name="api-alarms"),
    path("people", people.PeopleView.as_view(), name="api-people"),
    path("people/<int:person_id>", people.PersonView.as_view(), name="api-person"),
    path("people/<int:person_id>/closure", people.ClosureView.as_view(), name="api-closure"),
    path("people/<int:person_id>/reopening", people.ReopeningView.as_view(), name="api-reopening"),
    path("people/<int:person_id>/roles/<str:role>", people.RoleView.as_view(), name="api-role"),
    path("people/<int:person_id>/mandates/<slug:organisation>", people.MandateView.as_view(), name="api-mandate"),
    path("people/<int:person_id>/keys", people.PersonKeysView.as_view(), name="api-person-keys"),
    path("people/<int:person_id>/keys/<int:key_id>", people.PersonKeyView.as_view(), name="api-person-key"),
    path("people/<int:person_id>/open-work", people.OpenWorkView.as_view(), name="api-open-work"),
    path("trail", trail.TrailView.as_view(), name="api-trail"),
    path("trail/export", trail.TrailExportView.as_view(), name="api-trail-export"),
    path("trail/verification", trail.TrailVerificationView.as_view(), name="api-trail-verification"),
]
