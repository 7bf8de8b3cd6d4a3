"""The receiver for a WSGI server: `granian --interface wsgi webhooks.wsgi:app`."""

from __future__ import annotations

import sys

from webhooks.app import create_app
from worker import log
from worker.settings import Settings, SettingsError

try:
    settings = Settings.read()
except SettingsError as problems:
    sys.exit(f"The receiver cannot start. {problems}")
log.configure(settings)
app = create_app(settings)
