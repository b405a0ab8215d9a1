"""The errors by which a database says that it can do nothing now: it passes, and the same will work then."""

from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# Down, restarting, read-only, full, locked, out of connections. A ProgrammingError does not pass: a mistake of ours.
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout)
