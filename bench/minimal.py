"""A minimal durable receiver, to compare ours with: one comparison of credentials, one insert, nothing else.

It does not read the body, so it knows no duplicates and no customers; it does not end waits and rings no doorbell.
Served and connected as ours is: one connection a thread, autocommit, a prepared statement.
"""

from __future__ import annotations

import hmac
import os
import threading

import psycopg
from flask import Flask, Response, abort, jsonify, request

_INSERT = "insert into minimal_events (raw) values (%b)"
_AUTHORIZATION = os.environ["AUTHORIZATION"].encode()
_local = threading.local()

app = Flask(__name__, static_folder=None)


@app.post("/webhooks/chargebee")
def take_event() -> Response:
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode("latin-1"), _AUTHORIZATION):
        abort(401)
    _connection().execute(_INSERT, [request.get_data(cache=False)], prepare=True)
    return jsonify(status="stored")


def _connection() -> psycopg.Connection:
    connection: psycopg.Connection | None = getattr(_local, "connection", None)
    if connection is None:
        options = "-c statement_timeout=2s -c synchronous_commit=on -c timezone=UTC"
        connection = _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, options=options)
    return connection
