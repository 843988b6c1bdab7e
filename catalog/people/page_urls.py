"""Pages of this room."""

from django.urls import path

from catalog.people import door_views, password_views, people_views, security_views, views

urlpatterns = [
    path("login", door_views.login, name="login"),
    path("login/code", door_views.second_factor_page, name="second_factor"),
    path("login/passkey", door_views.passkey, name="passkey_sign_in"),
    path("login/sso", door_views.sso_start, name="sso_start"),
    path("login/sso/callback", door_views.sso_callback, name="sso_callback"),
    path("logout", door_views.logout, name="logout"),
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
    path("account/security", security_views.overview, name="security"),
    path("account/security/app", security_views.add_app, name="app_add"),
    path("account/security/passkey", security_views.add_passkey, name="passkey_add"),
    path("account/security/recovery-codes", security_views.recovery_codes, name="recovery_codes"),
    path("account/security/factors/<int:factor_id>/remove", security_views.remove_factor, name="factor_remove"),
    path("account/security/confirm", security_views.confirm, name="confirm"),
    path("account/security/password", password_views.change, name="password_change"),
    path("account/security/sessions/<int:session_id>/end", security_views.end_session, name="session_end"),
    path("account/security/sessions/end-others", security_views.end_other_sessions, name="sessions_end_others"),
    path("password/forgotten", password_views.forgotten, name="password_forgotten"),
    path("password/new/<str:name>/<str:token>", password_views.new, name="password_new"),
]
