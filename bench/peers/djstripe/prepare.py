"""Migrate, make the endpoint and the customers; prints the path that events are posted to."""

import os
import sys
from pathlib import Path

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django

django.setup()

from django.core.management import call_command
from djstripe import models
from stripe_objects import API_VERSION, CUSTOMERS, SIGNING_SECRET, account, customer

call_command("migrate", verbosity=0)
key = {"livemode": False, "type": "secret", "name": "bench"}
models.APIKey.objects.get_or_create(secret="sk_test_bench0000000000000000000000", defaults=key)
models.Account.sync_from_stripe_data(account())
models.APIKey.objects.update(djstripe_owner_account="acct_bench")
for number in range(CUSTOMERS):
    models.Customer.sync_from_stripe_data(customer(f"cus_bench{number:05d}"))
endpoint, _ = models.WebhookEndpoint.objects.get_or_create(
    id="we_bench",
    defaults={
        "url": "http://127.0.0.1/",
        "secret": SIGNING_SECRET,
        "livemode": False,
        "status": "enabled",
        "enabled_events": ["*"],
        "djstripe_tolerance": 32000,
        "djstripe_owner_account_id": "acct_bench",
        "api_version": API_VERSION,
        "created": None,
    },
)
print(f"/stripe/webhook/{endpoint.djstripe_uuid}/")
