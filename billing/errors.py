"""The two ways in which work can fail and still be understood."""


class NotYet(Exception):
    """May succeed later by itself; the delivery is tried again. Raised by deliveries only."""


class NeedsAttention(Exception):
    """Will not succeed alone: a person must look. The message names the thing, the fact and the next step."""
