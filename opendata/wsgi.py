"""The web process. It can seal what is uploaded; it holds no key that opens the vault."""

import logging
import os

from django.core.wsgi import get_wsgi_application

from opendata.logs import NoRequests

logging.getLogger("gunicorn.error").addFilter(NoRequests())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opendata.settings")
application = get_wsgi_application()

from opendata.checks import stop_if_it_may_write_what_is_published, stop_if_unsafe  # noqa: E402  need the settings

stop_if_unsafe()
stop_if_it_may_write_what_is_published()
