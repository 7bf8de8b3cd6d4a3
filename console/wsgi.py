"""The pages for a WSGI server: `granian --interface wsgi console.wsgi:app`."""

from __future__ import annotations

import sys

from console.app import create_app
from worker import log
from worker.settings import Settings, SettingsError

try:
    settings = Settings.read()
    app = create_app(settings)
except SettingsError as problems:
    sys.exit(f"The console cannot start. {problems}")
log.configure(settings)
