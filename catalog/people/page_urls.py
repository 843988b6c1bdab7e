"""Pages of this room."""

from django.urls import path

from catalog.people import views

urlpatterns = [
    path("login", views.login, name="login"),
    path("logout", views.logout, name="logout"),
    path("language", views.language, name="language"),
    path("account", views.account, name="account"),
    path("account/keys/<int:key_id>/revoke", views.revoke, name="key_revoke"),
]
