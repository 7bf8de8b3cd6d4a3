"""A Django project with dj-stripe and nothing else: no middleware, persistent connections."""

import os
from urllib.parse import urlsplit

import stripe

_database = urlsplit(os.environ["DATABASE_URL"])

SECRET_KEY = "x" * 50
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "djstripe"]
MIDDLEWARE = []
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.path.removeprefix("/"),
        "USER": _database.username,
        "PASSWORD": _database.password,
        "HOST": _database.hostname,
        "PORT": _database.port,
        "CONN_MAX_AGE": None,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = "sk_test_bench0000000000000000000000"
STRIPE_LIVE_SECRET_KEY = ""
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
LOGGING = {"version": 1, "disable_existing_loggers": True}
if os.environ.get("STORE_ONLY"):
    DJSTRIPE_WEBHOOK_EVENT_CALLBACK = "urls.leave_it_there"

stripe.api_base = os.environ["STRIPE_URL"]
