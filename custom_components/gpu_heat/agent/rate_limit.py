"""A token bucket for every peer. Pure: the time is given."""

from collections import OrderedDict

MAX_PEERS = 1024


class RateLimit:
    """Allows `burst` requests at once and `per_s` a second from then on."""

    def __init__(self, *, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, peer: str, now_s: float) -> bool:
        """Take one token of this peer; False where there is none left."""
        left, at_s = self._buckets.pop(peer, (self._burst, now_s))
        left = min(self._burst, left + (now_s - at_s) * self._per_s)
        allowed = left >= 1.0
        self._buckets[peer] = (left - 1.0 if allowed else left, now_s)
        if len(self._buckets) > MAX_PEERS:
            self._buckets.popitem(last=False)
        return allowed
