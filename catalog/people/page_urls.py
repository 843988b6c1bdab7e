"""Pages of this room."""

from django.urls import path

from catalog.people import people_views, views

urlpatterns = [
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
    path("language", views.language, name="language"),
    path("account", views.account, name="account"),
    path("account/keys/<int:key_id>/revoke", views.revoke, name="key_revoke"),
    path("people", people_views.people, name="people"),
    path("people/new", people_views.new, name="person_new"),
    path("people/<int:person_id>", people_views.person, name="person"),
    path("people/<int:person_id>/closure", people_views.close, name="person_close"),
    path("people/<int:person_id>/reopening", people_views.reopen, name="person_reopen"),
    path("people/<int:person_id>/roles", people_views.role, name="person_role"),
    path("people/<int:person_id>/mandates", people_views.mandate, name="person_mandate"),
    path("people/<int:person_id>/keys/revocation", people_views.revoke_keys, name="person_revoke_keys"),
    path("people/<int:person_id>/keys/<int:key_id>/revocation", people_views.revoke_key, name="person_revoke_key"),
]
