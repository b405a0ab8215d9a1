"""The numbers of all workers in one answer: each worker's samples as JSON, and all of them with a label ``worker``."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from realtime.siblings import Answers, Siblings


def samples_of(registry: CollectorRegistry) -> list[Any]:
    """Return what a registry holds: [name, help, type, [[sample, labels, value]…]] for each metric."""
    return [
        [
            family.name,
            family.documentation,
            family.type,
            [[each.name, each.labels, each.value] for each in family.samples],
        ]
        for family in registry.collect()
    ]


async def exposition(registry: CollectorRegistry, siblings: Siblings) -> bytes:
    """Return Prometheus' text form: of one process as it is, of several with ``worker``."""
    if siblings.is_alone:
        return generate_latest(registry)
    return generate_latest(_Gathered(await siblings.ask({"do": "metrics"})))


class _Gathered(CollectorRegistry):
    """What the workers answered, as if it were one registry."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for worker, told in self._answers.of.items():
            for name, description, kind, samples in told:
                family = families.setdefault(name, Metric(name, description, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, _labelled(labels, worker), value)
        yield from families.values()
        answering = GaugeMetricFamily("realtime_worker_up", "Whether a worker told its numbers", labels=["worker"])
        for worker in sorted({*self._answers.of, *self._answers.silent}):
            answering.add_metric([str(worker)], float(worker in self._answers.of))
        yield answering


def _labelled(labels: Mapping[str, str], worker: int) -> dict[str, str]:
    return {**labels, "worker": str(worker)}
