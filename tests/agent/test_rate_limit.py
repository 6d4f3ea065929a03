"""The token bucket."""

from gpu_heat_agent.rate_limit import MAX_PEERS, RateLimit


def test_burst_is_allowed_and_then_a_steady_rate() -> None:
    limit = RateLimit(burst=3, per_s=2)
    assert [limit.allows("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [limit.allows("a", 0.5) for _ in range(2)] == [True, False]


def test_peers_do_not_share() -> None:
    limit = RateLimit(burst=1, per_s=1)
    assert limit.allows("a", 0.0)
    assert limit.allows("b", 0.0)
    assert not limit.allows("a", 0.0)


def test_quiet_peers_are_forgotten_when_there_are_too_many() -> None:
    limit = RateLimit(burst=1, per_s=0.001)
    assert all(limit.allows(str(peer), 0.0) for peer in range(MAX_PEERS + 1))
    assert limit.allows("0", 0.0)
    assert not limit.allows(str(MAX_PEERS), 0.0)
