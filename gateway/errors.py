"""The two ways a call to the provider can fail. Nothing else leaves gateway/, whatever the SDK or the network raise.

The message names the thing, the fact and the next step; the error of the SDK or of the network is the `__cause__`.
"""

from __future__ import annotations

from billing.errors import NeedsAttention, NotYet


class ProviderDown(NotYet):
    """The provider did not answer, or not sensibly, or asked us to come back: the same call may succeed later.

    After a call that changes something, the outcome is unknown: read before repeating.
    """

    def __init__(
        self, message: str, *, code: str | None = None, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code  # the provider's `api_error_code`, or one of ours where it gave none
        self.status = status  # of the HTTP answer; None when there was none
        self.retry_after = retry_after  # seconds the provider asked us to wait


class ProviderRefused(NeedsAttention):
    """The provider understood and said no, or what it offers must not be taken: repeating the call changes nothing."""

    def __init__(
        self, message: str, *, code: str | None = None, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code  # the provider's `api_error_code`, or one of ours where it gave none
        self.status = status  # of the HTTP answer; None when there was none
        self.retry_after = retry_after  # seconds; the provider sends none with a refusal, kept for symmetry

    @property
    def is_about_the_key(self) -> bool:
        """Was the API key refused, and not the thing that was asked for? With another key the same call may succeed."""
        return self.status == 401
