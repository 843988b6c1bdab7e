"""Every address of the platform, with what it takes to be answered there: the access matrix as data.

A row says the method, the address as Django's URL patterns spell it, what it is about (a kind of thing in ``world.py``, whose
states the matrix goes through), the scope that a key needs, and the policy that the platform asks, which is called here on
the same objects. ``then`` is for what no policy knows: how a state answers somebody who may.

To add one: a row here. A new kind of thing, or a new state of one, goes into ``world.py``. Then ``python -m tests.access``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import Http404
from django.utils import timezone

from catalog.audit.errors import Gone
from catalog.datasets.policies import (
    can_see_inside,
    check_can_create,
    check_can_edit,
    check_can_hand_over,
    check_can_see_inside,
)
from catalog.people.policies import (
    check_can_close,
    check_can_grant,
    check_can_manage_people,
    check_can_read_ledger,
    check_can_read_trail,
    check_can_see_alarms,
    check_can_withdraw_role,
    check_has_role,
)
from catalog.people.roles import OFFICERS, Role
from catalog.publishing.models import Copy
from catalog.publishing.policies import check_can_order_again, check_can_stop
from catalog.publishing.selectors import readable
from catalog.releases.policies import check_can_cancel, check_can_run, check_can_see
from catalog.review.policies import check_can_decide, check_can_look, check_can_submit, check_can_withdraw
from catalog.review.selectors import visible
from tests import factories
from tests.access.outcome import Outcome, SignInFirst, of_policy
from tests.access.world import DOOR, Caller, Thing

Check = Callable[[Any, Thing], Any]
JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
ANYONE: Final = "anyone"
SESSION: Final = "session"
"""Signed in only: no key has a scope for it."""


@dataclass(frozen=True)
class Route:
    """``scope``: :data:`ANYONE`, :data:`SESSION`, or the scope that a key needs. ``insider``: of a route for anyone, the
    scope with which a key is shown as much as its owner. ``body``: what to send, or how to make it of the thing."""

    method: str
    pattern: str
    on: str
    scope: str
    check: Check
    body: Any = None
    kind: str = JSON
    query: str = ""
    insider: str | None = None
    then: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def is_page(self) -> bool:
        return not self.pattern.startswith("api/v1/")

    def named(self) -> str:
        return f"{self.method.upper()} /{self.pattern}"


# --- policies, asked of a caller and a thing -------------------------------------------------------------------------


def everybody(user: Any, thing: Thing) -> None:
    """Nothing is asked."""


def own_or_absent(user: Any, thing: Thing) -> None:
    if thing.state != "own":
        raise Http404


def between_two_steps(user: Any, thing: Thing) -> None:
    """Somebody whose password was right, and whose second factor is still to come."""
    raise SignInFirst


def spent(user: Any, thing: Thing) -> None:
    """A link that is nobody's, or was used."""
    raise Gone("This link is spent.")


def nothing_there(user: Any, thing: Thing) -> None:
    """Of things that the world holds none of: whoever may ask is told so."""
    raise Http404


def published(user: Any, thing: Thing) -> None:
    """A dataset with a publication, whatever became of it."""
    if not thing.dataset.publications.exists():
        raise Http404


def published_or_insider(user: Any, thing: Thing) -> None:
    if not can_see_inside(user, thing.dataset):
        published(user, thing)


def current(user: Any, thing: Thing) -> None:
    """The newest publication can be read."""
    published(user, thing)
    readable(thing.dataset.publications.order_by("-number").first())


def available(user: Any, thing: Thing) -> None:
    readable(thing.release)


def manages(user: Any, thing: Thing) -> None:
    check_can_manage_people(user)


def is_steward(user: Any, thing: Thing) -> None:
    check_has_role(user, Role.STEWARD)


def is_officer(user: Any, thing: Thing) -> None:
    check_has_role(user, *sorted(OFFICERS))


def creates(user: Any, thing: Thing) -> None:
    check_can_create(user, thing.home)


def edits(user: Any, thing: Thing) -> None:
    check_can_edit(user, thing.dataset)


def sees_inside(user: Any, thing: Thing) -> None:
    check_can_see_inside(user, thing.dataset)


def hands_over(user: Any, thing: Thing) -> None:
    check_can_hand_over(user, thing.dataset, thing.heir)


def runs(user: Any, thing: Thing) -> None:
    check_can_run(user, thing.dataset)


def _job(thing: Thing) -> Any:
    return next(thing.about[kind] for kind in ("run", "comparison", "estimate") if kind in thing.about)


def sees(user: Any, thing: Thing) -> None:
    check_can_see(user, _job(thing))


def cancels(user: Any, thing: Thing) -> None:
    check_can_cancel(user, _job(thing))


def submits(user: Any, thing: Thing) -> None:
    check_can_submit(user, thing.run)


def reads_reviews(user: Any, thing: Thing) -> None:
    visible(user)


def looks(user: Any, thing: Thing) -> None:
    check_can_look(user, thing.review)


def decides(user: Any, thing: Thing) -> None:
    check_can_decide(user, thing.review)


def decides_on_page(user: Any, thing: Thing) -> None:
    looks(user, thing)
    decides(user, thing)


def takes_back(user: Any, thing: Thing) -> None:
    check_can_withdraw(user, thing.review)


def orders_again(user: Any, thing: Thing) -> None:
    check_can_order_again(user, Copy.objects.get(review=thing.review))


def sees_alarms(user: Any, thing: Thing) -> None:
    check_can_see_alarms(user)


def stops(user: Any, thing: Thing) -> None:
    check_can_stop(user, thing.release)


def grants(user: Any, thing: Thing) -> None:
    check_can_grant(user, thing.person)


def takes_role(user: Any, thing: Thing) -> None:
    check_can_withdraw_role(user, thing.person, Role.AUDITOR)


def closes(user: Any, thing: Thing) -> None:
    check_can_close(user, thing.person)


def reads_ledger(user: Any, thing: Thing) -> None:
    check_can_read_ledger(user)


def reads_trail(user: Any, thing: Thing) -> None:
    check_can_read_trail(user)


# --- what is sent ----------------------------------------------------------------------------------------------------

RECIPE = {"recipe": factories.K_ANONYMOUS}
ESTIMATED = {"recipe": factories.DP_TABLE}
STOP = {"reason": "A mistake was found in it."}
LADDER = b"1;*\n"
NEW_DATASET = {"slug": "new", "title": "New", "source": "government", "organisation": "city-hall"}
NEW_PERSON = {"username": "new", "password": factories.PASSWORD, "roles": ["auditor"]}
SIGN_IN = {"username": DOOR, "password": factories.PASSWORD}
WRONG_SIGN_IN = {"username": DOOR, "password": "not this one"}  # a page that is shown again: who signs in goes elsewhere
CLOSED = {"closed": Outcome.CONFLICT}


def verdict(thing: Thing) -> dict[str, str]:
    said = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": factories.REASON}
    return {**said, "artefact_sha256": thing.review.artefact_sha256}


def heir(thing: Thing) -> dict[str, str]:
    return {"steward": thing.heir.username}


def new_key(thing: Thing) -> dict[str, Any]:
    return {"name": "k", "scopes": ["read"], "expires_at": (timezone.now() + timedelta(days=1)).isoformat()}


def upload(thing: Thing) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("a.csv", b"a\n1\n", content_type="text/csv")}


DATASET = "datasets/<slug:slug>"
VERSION = f"{DATASET}/versions/<int:version_id>"
RELEASE = f"{DATASET}/releases/<int:number>"
PERSON = "people/<int:person_id>"


def api(method: str, pattern: str, on: str, scope: str, check: Check, body: Any = None, **more: Any) -> Route:
    return Route(method, f"api/v1/{pattern}", on, scope, check, body, **more)


def page(method: str, pattern: str, on: str, check: Check, body: Any = None, *, scope: str = SESSION, **more: Any) -> Route:
    return Route(method, pattern, on, scope, check, body, kind=FORM, **more)


API: Final = (
    # --- who is asking
    api("post", "session", "site", ANYONE, everybody, SIGN_IN),
    api("delete", "session", "site", SESSION, everybody),
    api("get", "sessions", "site", SESSION, everybody),
    api("delete", "sessions", "site", SESSION, everybody),
    api("delete", "sessions/<int:session_id>", "link", SESSION, nothing_there),
    api("get", "me", "site", "read", everybody),
    api("get", "keys", "site", "read", everybody),
    api("post", "keys", "site", SESSION, everybody, new_key),
    api("get", "keys/<int:key_id>", "key", "read", own_or_absent),
    api("delete", "keys/<int:key_id>", "key", SESSION, own_or_absent),
    # --- people
    api("get", "people", "site", SESSION, manages),
    api("post", "people", "site", SESSION, manages, NEW_PERSON),
    api("get", PERSON, "person", SESSION, manages),
    api("post", f"{PERSON}/closure", "person", SESSION, closes, STOP, then=CLOSED),
    api("post", f"{PERSON}/reopening", "person", SESSION, manages, then={"open": Outcome.CONFLICT}),
    api("put", f"{PERSON}/roles/<str:role>", "person", SESSION, grants, then=CLOSED),
    api("delete", f"{PERSON}/roles/<str:role>", "person", SESSION, takes_role),
    api("put", f"{PERSON}/mandates/<slug:organisation>", "person", SESSION, grants, then=CLOSED),
    api("delete", f"{PERSON}/mandates/<slug:organisation>", "person", SESSION, manages),
    api("get", f"{PERSON}/keys", "person", SESSION, manages),
    api("delete", f"{PERSON}/keys", "person", SESSION, manages),
    api("delete", f"{PERSON}/keys/<int:key_id>", "person", SESSION, manages),
    api("get", f"{PERSON}/open-work", "person", SESSION, manages),
    # --- what is read across rooms
    api("get", "trail", "site", "trail:read", reads_trail),
    api("get", "trail/export", "site", "trail:read", reads_trail),
    api("get", "trail/verification", "site", "trail:read", reads_trail),
    api("get", "alarms", "site", "read", sees_alarms),
    api("get", "populations", "site", "ledger:read", reads_ledger),
    api("get", "populations/<slug:slug>/ledger", "population", "ledger:read", reads_ledger),
    # --- what comes in
    api("post", "datasets", "site", "datasets:write", creates, NEW_DATASET),
    api("patch", DATASET, "dataset", "datasets:write", edits, {"title": "Renamed"}),
    api("get", f"{DATASET}/entry", "dataset", "read", sees_inside),
    api("put", f"{DATASET}/steward", "dataset", SESSION, hands_over, heir),
    api("get", f"{DATASET}/hierarchies", "dataset", "read", sees_inside),
    api("get", f"{DATASET}/hierarchies/<str:name>", "dataset", "read", sees_inside),
    api("put", f"{DATASET}/hierarchies/<str:name>", "dataset", "datasets:write", edits, LADDER, kind="text/csv"),
    api("get", f"{DATASET}/versions", "dataset", "read", sees_inside),
    api("post", f"{DATASET}/versions", "dataset", "datasets:write", edits, b"a\n1\n", kind="text/csv"),
    api("get", VERSION, "version", "read", sees_inside),
    api("delete", VERSION, "version", "datasets:write", edits, query="?reason=enough", then={"destroyed": Outcome.CONFLICT}),
    api("patch", f"{VERSION}/columns", "version", "datasets:write", edits, {"columns": {"age": {"title": "Age"}}}, then={"destroyed": Outcome.CONFLICT}),
    # --- what is made of it
    api("get", f"{DATASET}/recipes", "dataset", "read", sees_inside),
    api("get", f"{DATASET}/runs", "dataset", "read", sees_inside),
    api("post", f"{DATASET}/runs", "dataset", "runs:write", runs, RECIPE),
    api("post", f"{DATASET}/runs:preview", "dataset", "runs:write", runs, RECIPE),
    api("get", "runs/<int:run_id>", "run", "read", sees),
    api("delete", "runs/<int:run_id>", "run", "runs:write", cancels),
    api("get", f"{DATASET}/comparisons", "dataset", "read", sees_inside),
    api("post", f"{DATASET}/comparisons", "dataset", "runs:write", runs, {**RECIPE, "ks": [3]}),
    api("get", "comparisons/<int:comparison_id>", "comparison", "read", sees),
    api("delete", "comparisons/<int:comparison_id>", "comparison", "runs:write", cancels),
    api("get", f"{DATASET}/estimates", "dataset", "read", sees_inside),
    api("post", f"{DATASET}/estimates", "dataset", "runs:write", runs, ESTIMATED),
    api("get", "estimates/<int:estimate_id>", "estimate", "read", sees),
    api("delete", "estimates/<int:estimate_id>", "estimate", "runs:write", cancels),
    # --- who cleared it
    api("post", "runs/<int:run_id>/submission", "run", "runs:write", submits, {}),
    api("get", "reviews", "site", "read", reads_reviews),
    api("get", "reviews/<int:review_id>", "review", "read", looks),
    api("post", "reviews/<int:review_id>/opening", "review", "reviews:decide", decides),
    api("post", "reviews/<int:review_id>/decisions", "review", "reviews:decide", decides, verdict),
    api("post", "reviews/<int:review_id>/withdrawal", "review", "runs:write", takes_back),
    api("get", "reviews/<int:review_id>/copy", "copy", "read", looks),
    api("post", "reviews/<int:review_id>/copy", "copy", "reviews:decide", orders_again),
    # --- what goes out
    api("get", "datasets", "site", ANYONE, everybody),
    api("get", DATASET, "dataset", ANYONE, published_or_insider, insider="read"),
    api("get", f"{DATASET}/releases", "dataset", ANYONE, published),
    api("get", RELEASE, "release", ANYONE, available),
    api("get", f"{DATASET}/records", "dataset", ANYONE, current),
    api("get", f"{RELEASE}/records", "release", ANYONE, available),
    api("get", f"{DATASET}/exports/<str:file_format>", "dataset", ANYONE, current),
    api("get", f"{RELEASE}/exports/<str:file_format>", "release", ANYONE, available),
    api("get", "register", "site", ANYONE, everybody),
    api("get", "openapi.json", "site", ANYONE, everybody),
    api("post", "releases/<int:release_id>/suspension", "release", "releases:stop", stops, STOP, then={"suspended": Outcome.CONFLICT, "withdrawn": Outcome.CONFLICT}),
    api("post", "releases/<int:release_id>/withdrawal", "release", "releases:stop", stops, STOP, then={"withdrawn": Outcome.CONFLICT}),
)

INSIDE = "steward/datasets/<slug:slug>"

PAGES: Final = (
    # --- what everybody may see
    page("get", "", "site", everybody, scope=ANYONE),
    page("get", DATASET, "dataset", current, scope=ANYONE),
    page("get", RELEASE, "release", available, scope=ANYONE),
    page("post", f"{RELEASE}/stop", "release", stops, {**STOP, "how": "withdraw"}, then={"withdrawn": Outcome.CONFLICT}),
    page("get", "register", "site", everybody, scope=ANYONE),
    page("get", "api/docs", "site", everybody, scope=ANYONE),
    page("get", "api/docs/<str:name>", "site", everybody, scope=ANYONE),
    page("get", "problems/<slug:code>", "site", everybody, scope=ANYONE),
    # --- one's own account
    page("get", "login", "site", everybody, scope=ANYONE),
    page("post", "login", "site", everybody, WRONG_SIGN_IN, scope=ANYONE),
    page("get", "login/code", "site", between_two_steps),
    page("post", "login/code", "site", between_two_steps, {"code": "000000"}),
    page("get", "login/passkey", "site", everybody, scope=ANYONE),
    page("post", "login/passkey", "site", everybody, scope=ANYONE),
    page("get", "login/sso", "site", nothing_there, scope=ANYONE),
    page("get", "login/sso/callback", "site", nothing_there, scope=ANYONE),
    page("get", "password/forgotten", "site", everybody, scope=ANYONE),
    page("post", "password/forgotten", "site", everybody, {"username": "nobody"}, scope=ANYONE),
    page("get", "password/new/<str:name>/<str:token>", "link", spent, scope=ANYONE),
    page("post", "password/new/<str:name>/<str:token>", "link", spent, {"password": factories.PASSWORD}, scope=ANYONE),
    page("post", "logout", "site", everybody, scope=ANYONE),
    page("get", "language", "site", everybody, scope=ANYONE, query="?set=ko"),
    page("get", "account", "site", everybody),
    page("post", "account", "site", everybody, {"name": "k", "scopes": ["read"], "days": "30"}),
    page("post", "account/keys/<int:key_id>/revoke", "key", own_or_absent),
    page("get", "account/security", "site", everybody),
    page("get", "account/security/app", "site", everybody),
    page("post", "account/security/app", "site", everybody, {"code": "000000"}),
    page("get", "account/security/passkey", "site", everybody),
    page("post", "account/security/passkey", "site", everybody),
    page("post", "account/security/recovery-codes", "site", everybody),
    page("post", "account/security/factors/<int:factor_id>/remove", "link", everybody),
    page("get", "account/security/confirm", "site", everybody),
    page("post", "account/security/confirm", "site", everybody, {"password": "not this one"}),
    page("get", "account/security/password", "site", everybody),
    page("post", "account/security/password", "site", everybody, {"old": "not this one", "new": factories.PASSWORD}),
    page("post", "account/security/sessions/<int:session_id>/end", "link", everybody),
    page("post", "account/security/sessions/end-others", "site", everybody),
    # --- people
    page("get", "people", "site", manages),
    page("get", "people/new", "site", manages),
    page("post", "people/new", "site", manages, {**NEW_PERSON, "language": "en"}),
    page("get", PERSON, "person", manages),
    page("post", f"{PERSON}/closure", "person", closes, STOP, then=CLOSED),
    page("post", f"{PERSON}/reopening", "person", manages, then={"open": Outcome.CONFLICT}),
    page("post", f"{PERSON}/password-link", "person", manages, then={"closed": Outcome.REFUSED}),
    page("post", f"{PERSON}/second-factor/reset", "person", manages),
    page("post", f"{PERSON}/roles", "person", grants, {"give": "auditor"}, then=CLOSED),
    page("post", f"{PERSON}/mandates", "person", grants, {"give": "city-hall"}, then=CLOSED),
    page("post", f"{PERSON}/keys/revocation", "person", manages),
    page("post", f"{PERSON}/keys/<int:key_id>/revocation", "person", manages),
    page("post", f"{PERSON}/datasets/<slug:slug>/steward", "dataset", hands_over, heir),
    # --- what comes in
    page("get", "steward", "site", is_steward),
    page("get", INSIDE, "dataset", sees_inside),
    page("get", "steward/datasets/new", "site", is_steward),
    page("post", "steward/datasets/new", "site", is_steward, {"title": "New", "source": "government"}),
    page("get", f"{INSIDE}/description", "dataset", edits),
    page("post", f"{INSIDE}/description", "dataset", edits, {"title": "Renamed", "source": "government"}),
    page("post", f"{INSIDE}/upload", "dataset", edits, upload),
    page("post", f"{INSIDE}/versions/<int:number>/destruction", "version", edits, STOP, then={"destroyed": Outcome.CONFLICT}),
    page("post", f"{INSIDE}/columns", "dataset", edits, {"accept": ""}),
    page("post", f"{INSIDE}/hierarchies", "dataset", edits, upload),
    # --- what is made of it
    page("get", f"{INSIDE}/recipe", "dataset", runs),
    page("post", f"{INSIDE}/recipe", "dataset", runs, {"recipe": "no recipe"}),
    page("get", "runs/<int:run_id>", "run", sees),
    page("get", "runs/<int:run_id>/progress", "run", sees),
    page("get", "runs/<int:run_id>/measured", "run", sees),
    page("post", "runs/<int:run_id>/cancellation", "run", cancels),
    page("post", f"{INSIDE}/comparisons", "dataset", runs, {"recipe": "no recipe"}),
    page("get", "comparisons/<int:comparison_id>", "comparison", sees),
    page("get", "comparisons/<int:comparison_id>/progress", "comparison", sees),
    page("get", "comparisons/<int:comparison_id>/picture", "comparison", sees),
    page("post", "comparisons/<int:comparison_id>/cancellation", "comparison", cancels),
    page("post", f"{INSIDE}/estimates", "dataset", runs, {"recipe": "no recipe"}),
    page("get", "estimates/<int:estimate_id>", "estimate", sees),
    page("get", "estimates/<int:estimate_id>/progress", "estimate", sees),
    page("post", "estimates/<int:estimate_id>/cancellation", "estimate", cancels),
    # --- who cleared it
    page("post", "runs/<int:run_id>/submission", "run", submits),
    page("get", "reviews", "site", is_officer),
    page("get", "reviews/<int:review_id>", "review", looks),
    page("post", "reviews/<int:review_id>/opening", "review", decides_on_page),
    page("post", "reviews/<int:review_id>/decision", "review", decides_on_page, verdict),
    page("post", "reviews/<int:review_id>/withdrawal", "review", takes_back),
    page("post", "reviews/<int:review_id>/copy", "copy", orders_again),
    page("get", "trail", "site", reads_trail),
    page("post", "trail", "site", reads_trail),
)

ROUTES: Final = (*API, *PAGES)


# --- what the table says ---------------------------------------------------------------------------------------------


def expected(route: Route, caller: Caller, thing: Thing) -> Outcome:
    """By the scope, then the policy, then the state."""
    user = caller.user
    if caller.has_key:
        if route.is_page:
            user = AnonymousUser()  # pages know no keys
        elif caller.refused:
            return Outcome.SIGN_IN
        elif route.scope == ANYONE:
            user = caller.user if caller.scope == route.insider else AnonymousUser()
        elif route.scope != caller.scope:
            return Outcome.REFUSED
    if not user.is_authenticated and route.scope != ANYONE:
        return Outcome.SIGN_IN
    asked = of_policy(lambda: route.check(user, thing))
    return route.then.get(thing.state, asked) if asked is Outcome.YES else asked
