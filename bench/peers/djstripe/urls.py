"""dj-stripe's own webhook view, and nothing else."""

from django.urls import include, path

urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]


def leave_it_there(trigger, api_key=None):
    """Where its users put `task.delay(trigger.id)`: only the row of the trigger is stored."""
