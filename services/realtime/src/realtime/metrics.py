"""What Prometheus is told."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

AGE_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)
TICK_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
HANDSHAKE_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
UPDATE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 300)

Source = Literal["ring", "stream", "none"]
"""Where what a client missed came from; none: it was told ``recovered: false``."""


class Metrics:
    """The counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.closes = Counter(
            "realtime_closes", "Closed sockets and streams by close code", ["code"], registry=registry
        )
        self.refusals = Counter("realtime_refusals", "Upgrades turned away", ["reason"], registry=registry)
        self.events = Counter("realtime_events", "Events read", ["stream"], registry=registry)
        self.skipped = Counter("realtime_events_skipped", "Events that made no sense", ["stream"], registry=registry)
        self.rebuilds = Counter("realtime_feed_rebuilds", "Consumers made anew", ["stream"], registry=registry)
        self.recoveries = Counter(
            "realtime_recoveries",
            "Answers to pos or since, by where what was missed came from",
            ["from"],
            registry=registry,
        )
        self.slow_evictions = Counter("realtime_slow_evictions", "Clients closed for being too slow", registry=registry)
        self.drains = Counter("realtime_drains", "Clients asked to come back later", registry=registry)
        self.event_age_s = _seconds(
            registry, "event_age", "From an event's time until it was written to those who watch", AGE_BUCKETS_S
        )
        self.tick_s = _seconds(registry, "tick_duration", "One tick: encoding and writing what waited", TICK_BUCKETS_S)
        self.loop_lag_s = _seconds(
            registry, "loop_lag", "How much too late a timer of the event loop ran", LAG_BUCKETS_S
        )
        self.handshake_s = _seconds(
            registry, "handshake", "From a connection's first byte until its welcome", HANDSHAKE_BUCKETS_S
        )
        self._writes = Writes()
        registry.register(self._writes)

    def recovered(self, source: Source) -> None:
        """Count an answer to a wish that named a position or a time."""
        self.recoveries.labels(source).inc()

    def wrote(self, updates: int, receivers: int) -> None:
        """Count one encoded frame of so many messages, written to so many clients; cheap enough for every frame."""
        self._writes.add(updates, receivers)


class Writes(Collector):
    """Frames and the messages in them.

    Not prometheus_client's own classes: a frame goes to thousands at once, their histogram counts one at a time.
    """

    def __init__(self) -> None:
        self._frames = self._deliveries = 0
        self._by_size = [0] * (len(UPDATE_BUCKETS) + 1)

    def add(self, updates: int, receivers: int) -> None:
        self._frames += receivers
        self._deliveries += updates * receivers
        self._by_size[bisect_left(UPDATE_BUCKETS, updates)] += receivers

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily("realtime_deliveries", "Messages times their receivers", self._deliveries)
        yield CounterMetricFamily("realtime_frames", "Frames written", self._frames)
        buckets, total = [], 0
        for bound, count in zip([*map(str, map(float, UPDATE_BUCKETS)), "+Inf"], self._by_size, strict=True):
            total += count
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(
            "realtime_updates_per_frame", "Messages in a written frame", buckets=buckets, sum_value=self._deliveries
        )


class Levels(Collector):
    """Values that others keep, read when asked for.

    ``connections`` by transport (ws, sse); ``stream_lag_s`` by stream: how far what was read last is behind what the
    stream holds, 0 when nothing waits there; ``buffered_bytes`` for all clients together.
    """

    def __init__(
        self,
        *,
        connections: Callable[[], Mapping[str, int]],
        subscriptions: Callable[[], int],
        buffered_bytes: Callable[[], int],
        stream_lag_s: Callable[[], Mapping[str, float]],
        worker_deaths: Callable[[], int] = int,
    ) -> None:
        self._connections, self._subscriptions = connections, subscriptions
        self._buffered_bytes, self._stream_lag_s = buffered_bytes, stream_lag_s
        self._worker_deaths = worker_deaths

    def collect(self) -> Iterable[Metric]:
        yield _labelled("realtime_connections", "Open sockets and streams", "transport", self._connections())
        yield GaugeMetricFamily("realtime_subscriptions", "Channels watched, by client", self._subscriptions())
        yield GaugeMetricFamily("realtime_buffered_bytes", "What waits to be written", self._buffered_bytes())
        yield _labelled("realtime_stream_lag_seconds", "How far reading is behind", "stream", self._stream_lag_s())
        yield CounterMetricFamily("realtime_worker_deaths", "Workers that died at this place", self._worker_deaths())


def _seconds(registry: CollectorRegistry, what: str, description: str, buckets: tuple[float, ...]) -> Histogram:
    return Histogram(f"realtime_{what}_seconds", description, buckets=buckets, registry=registry)


def _labelled(name: str, description: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, description, labels=[label])
    for value_of, value in values.items():
        family.add_metric([value_of], value)
    return family
