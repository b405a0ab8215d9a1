"""What Prometheus is told."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

AGE_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Metrics:
    """The counters of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.closes = Counter("realtime_closes", "Closed sockets by close code", ["code"], registry=registry)
        self.refusals = Counter("realtime_refusals", "Upgrades turned away", ["reason"], registry=registry)
        self.events = Counter("realtime_events", "Events read", ["stream"], registry=registry)
        self.skipped = Counter("realtime_events_skipped", "Events that made no sense", ["stream"], registry=registry)
        self.rebuilds = Counter("realtime_feed_rebuilds", "Consumers made anew", ["stream"], registry=registry)
        self.event_age_s = Histogram(
            "realtime_event_age_seconds",
            "From an event's time until it was handed to the sockets",
            buckets=AGE_BUCKETS_S,
            registry=registry,
        )


class Levels(Collector):
    """Values that others keep, read when asked for."""

    def __init__(
        self, *, connections: Callable[[], int], subscriptions: Callable[[], int], delivered: Callable[[], int]
    ) -> None:
        self._connections, self._subscriptions, self._delivered = connections, subscriptions, delivered

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily("realtime_connections", "Open sockets", self._connections())
        yield GaugeMetricFamily("realtime_subscriptions", "Channels watched, by client", self._subscriptions())
        yield CounterMetricFamily("realtime_deliveries", "Messages times their receivers", self._delivered())
