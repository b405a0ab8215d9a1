import asyncio
import time

from prometheus_client import CollectorRegistry
from realtime import loop_lag
from realtime.metrics import Levels, Metrics


def test_a_frame_to_many_counts_for_each_of_them() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.wrote(updates=8, receivers=1_000)
    metrics.wrote(updates=1, receivers=5)
    metrics.wrote(updates=5_000, receivers=2)
    assert registry.get_sample_value("realtime_frames_total") == 1_007
    assert registry.get_sample_value("realtime_deliveries_total") == 8 * 1_000 + 5 + 10_000
    at_most = {
        bound: registry.get_sample_value("realtime_updates_per_frame_bucket", {"le": bound})
        for bound in ("1.0", "4.0", "8.0", "300.0", "+Inf")
    }
    assert at_most == {"1.0": 5, "4.0": 5, "8.0": 1_005, "300.0": 1_005, "+Inf": 1_007}
    assert registry.get_sample_value("realtime_updates_per_frame_count") == 1_007


def test_recoveries_are_told_by_where_they_came_from() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.recovered("ring")
    metrics.recovered("none")
    metrics.recovered("none")
    assert registry.get_sample_value("realtime_recoveries_total", {"from": "ring"}) == 1
    assert registry.get_sample_value("realtime_recoveries_total", {"from": "none"}) == 2


def test_levels_are_read_when_asked_for() -> None:
    registry = CollectorRegistry()
    open_ones = {"ws": 3, "sse": 1}
    registry.register(
        Levels(
            connections=lambda: open_ones,
            subscriptions=lambda: 7,
            buffered_bytes=lambda: 9,
            stream_lag_s=lambda: {"ORDERS": 0.5},
        )
    )
    open_ones["ws"] = 4
    assert registry.get_sample_value("realtime_connections", {"transport": "ws"}) == 4
    assert registry.get_sample_value("realtime_connections", {"transport": "sse"}) == 1
    assert registry.get_sample_value("realtime_stream_lag_seconds", {"stream": "ORDERS"}) == 0.5
    assert registry.get_sample_value("realtime_buffered_bytes") == 9


async def test_a_loop_that_is_held_up_shows_as_lag() -> None:
    registry = CollectorRegistry()
    measuring = asyncio.create_task(loop_lag.measure(Metrics(registry)))
    deadline = time.monotonic() + 10
    while (registry.get_sample_value("realtime_loop_lag_seconds_sum") or 0) < 0.3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0)
        end = time.monotonic() + 0.6
        while time.monotonic() < end:
            pass  # a handler that keeps the loop to itself
    measuring.cancel()
    await asyncio.gather(measuring, return_exceptions=True)
    assert (registry.get_sample_value("realtime_loop_lag_seconds_bucket", {"le": "0.25"}) or 0) < (
        registry.get_sample_value("realtime_loop_lag_seconds_count") or 0
    )
