"""What this worker does not want of Kombu's Redis transport: to save messages when their connection is broken.

Kombu 5.7 puts unacknowledged messages back when a connection is closed, and acknowledges on it afterwards; with the
connection gone either fails, and what it raises ends the worker. Nothing need be saved: a message is a ring.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis


class QoS(redis.QoS):
    restore_at_shutdown = False

    def ack(self, delivery_tag: Any) -> None:
        if not self.channel.closed:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        if not self.channel.closed:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]


def outlive_connections() -> None:
    """Make every connection of this process to Redis one that may break."""
    redis.Channel.QoS = QoS
