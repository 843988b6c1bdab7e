"""Django settings; every choice a deployment makes comes from :mod:`opendata.env`."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from csp.constants import NONE, SELF

from opendata.env import BASE_DIR, DATA_DIR, EMBEDDED, MODE, broker, counters, database, env, required, stores

OPENDATA_MODE = MODE
DEBUG = False  # never: a debug page shows local variables, and local variables hold people's values
# Who gets alarms by mail. Not ADMINS: to those Django itself sends whole requests, with what is in them.
OPERATOR_EMAILS = env.list("OPERATOR_EMAILS", default=[])
SECRET_KEY = required("SECRET_KEY", "keys/secret_key") or "unset"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if EMBEDDED else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SITE_NAME = env.str("SITE_NAME", default="Open Data")
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "allauth.account",  # mfa and socialaccount stand on it; none of its pages is reachable
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "catalog.audit",
    "catalog.people",
    "catalog.ledger",
    "catalog.datasets",
    "catalog.releases",
    "catalog.review",
    "catalog.publishing",
    "opendata.apps.WiringConfig",  # no models: it brings the checks
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "catalog.people.sessions.WholeSessions",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "opendata.urls"
WSGI_APPLICATION = "opendata.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "catalog.publishing.context.site",
            ],
        },
    }
]

DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Only a worker is told where the vault's key is; and only a worker writes what is published.
VAULT_IDENTITY_FILE = env.str("VAULT_IDENTITY_FILE", default="")
STORAGES = {
    **stores(worker=bool(VAULT_IDENTITY_FILE)),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"

AUTH_USER_MODEL = "people.User"
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]

# --- the second factor, and single sign-on: allauth's code behind our own pages --------------------------------------
SECOND_FACTOR = env.str("SECOND_FACTOR", default="required")
MFA_ADAPTER = "catalog.people.factor_store.FactorStore"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # the code before and the one after: telephones' clocks are off, and people type slowly
OIDC_ISSUER = env.str("OIDC_ISSUER", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME = env.str("OIDC_NAME", default="single sign-on")
OIDC_TRUST_SECOND_FACTOR = env.bool("OIDC_TRUST_SECOND_FACTOR", default=False)
OIDC_SECOND_FACTOR_ACR = env.list("OIDC_SECOND_FACTOR_ACR", default=[])
SOCIALACCOUNT_ADAPTER = "catalog.people.single_sign_on.Provider"

# --- letters ---------------------------------------------------------------------------------------------------------
MAIL_CONFIGURED = bool(env.str("EMAIL_URL", default=""))
locals().update(env.email_url("EMAIL_URL", default="dummymail://"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="opendata@localhost")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ko", "한국어"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "opendata" / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Seoul")
USE_I18N = True
USE_TZ = True

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not EMBEDDED
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not EMBEDDED)
SECURE_HSTS_SECONDS = 0 if EMBEDDED else env.int("SECURE_HSTS_SECONDS", default=31_536_000)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        # Charts are SVG drawn on the server; Vega writes style attributes on single elements.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Uploads are streamed into the vault by datasets/upload.py; Django's own handlers would put raw rows on disk or in memory.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 8_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
MAX_UPLOAD_BYTES = env.int("MAX_UPLOAD_BYTES", default=20 * 1024**3)

# --- the vault: everybody may seal, only workers may open (DESIGN.md §3) ---------------------------------------------
VAULT_RECIPIENT = required("VAULT_RECIPIENT", "keys/vault_recipient")
SCRATCH_DIR = env.path("SCRATCH_DIR", default=str(DATA_DIR / "scratch"))()
SCRATCH_ON = env.str("SCRATCH_ON", default="any")  # any, memory or encrypted: what the operator demands of it
INCOMING_DIR = DATA_DIR / "incoming"
CACHE_DIR = env.path("CACHE_DIR", default=str(DATA_DIR / "cache"))()
TRAIL_CHECKPOINT_KEY = required("TRAIL_CHECKPOINT_KEY", "keys/trail_checkpoint_key")
TRAIL_CHECKPOINT_FILE = env.path("TRAIL_CHECKPOINT_FILE", default=str(DATA_DIR / "trail_checkpoints.jsonl"))()

# --- workers ---------------------------------------------------------------------------------------------------------
CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = broker()
CELERY_TASK_DEFAULT_QUEUE = env.str("CELERY_QUEUE", default="opendata")
CELERY_TASK_IGNORE_RESULT = True  # the database is the truth
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the sweeper rings again; redelivery would double the work
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
ENGINE = env.str("ENGINE", default="duck")  # where rows live while a worker works: duck, pandas or spark
SPARK_MASTER = env.str("ANONYMIZE_SPARK_MASTER", default="local[*]")
ENGINE_MEMORY_LIMIT = env.str("ENGINE_MEMORY_LIMIT", default="1GB")
LEASE_SECONDS = env.int("LEASE_SECONDS", default=30)  # a worker that has not renewed its lease for this long is dead
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=5 if EMBEDDED else 20)
RING_AGAIN_SECONDS = env.int("RING_AGAIN_SECONDS", default=20)  # queued work that nobody took: its message was lost
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=3)  # of work whose worker was lost, or that may go better in a moment
VERIFY_SECONDS = env.int("VERIFY_SECONDS", default=3600)  # how often all that is published is read again and hashed
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "releases.sweep", "schedule": timedelta(seconds=SWEEP_SECONDS), "options": {"expires": SWEEP_SECONDS}},
    "forget_answers": {"task": "people.forget_answers", "schedule": timedelta(hours=1), "options": {"expires": 3600}},
    "forget_pictures": {"task": "releases.forget_pictures", "schedule": timedelta(days=1), "options": {"expires": 3600}},
    "sweep_stores": {"task": "releases.sweep_stores", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
    "verify_store": {"task": "publishing.verify_store", "schedule": timedelta(seconds=VERIFY_SECONDS), "options": {"expires": VERIFY_SECONDS}},
    "checkpoint": {"task": "audit.checkpoint", "schedule": timedelta(minutes=10), "options": {"expires": 600}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

# --- the public API --------------------------------------------------------------------------------------------------
QUERY_TIMEOUT_SECONDS = env.float("QUERY_TIMEOUT_SECONDS", default=10.0)
API_TRUSTED_PROXIES = env.int("API_TRUSTED_PROXIES", default=0)  # how many proxies in front may be believed about addresses
CACHES = {"default": counters()}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "catalog.api.authentication.ApiKeyAuthentication",
        "catalog.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["catalog.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["catalog.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["catalog.api.parsers.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["catalog.api.throttles.AnonymousThrottle", "catalog.api.throttles.UserThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "anonymous": env.str("THROTTLE_ANONYMOUS", default="600/min"),
        "user": env.str("THROTTLE_USER", default="6000/min"),
    },
    "EXCEPTION_HANDLER": "catalog.api.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Open Data API",
    "DESCRIPTION": "Privacy-protected open data: search, read, export; and for the people behind it: upload, run, review.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"no_values": {"()": "opendata.logs.NoValues"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_values"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
TESTING = "pytest" in sys.modules or os.environ.get("OPENDATA_TESTING") == "1"
