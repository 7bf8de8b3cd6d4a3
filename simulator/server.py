"""The site's app on a port of this machine, in a thread."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from werkzeug.serving import make_server


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """Where the app answers, on 127.0.0.1 alone; on a free port where none is given.

    Raises:
        OSError: the port is taken.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not every request is worth a line
    with socket.create_server(("127.0.0.1", port)) as listener:  # Werkzeug would exit where the port is taken
        server = make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno())
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="make-believe Chargebee"
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
