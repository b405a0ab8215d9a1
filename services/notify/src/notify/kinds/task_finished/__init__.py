"""To whoever started a long task, when it is done or has failed."""

from collections.abc import Sequence
from datetime import timedelta

from mercadito_events.envelope import Event
from sqlalchemy import Connection

from notify.day_readings import Task
from notify.kinds.audiences import to_person
from notify.kinds.kind import Group, Kind


def _of_event(_: Connection, event: Event) -> Sequence[Task]:
    task = Task.of(event.data)
    return (task,) if task.has_ended else ()


KIND = Kind(
    name="task_finished",
    group=Group.OPERATIONS,
    event_type="orders.task.progressed.v1",
    reading=Task,
    expires_after=timedelta(hours=24),
    about=lambda task: task.task_id,
    recipients=to_person,
    of_event=_of_event,
)
