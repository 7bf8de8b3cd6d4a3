"""The process around the work: settings, logs, the doorbell, the Celery app, its schedule and the command line."""
