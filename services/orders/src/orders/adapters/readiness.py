"""Whether the database can serve this version of the code."""

from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

_REVISION = text("SELECT version_num FROM alembic_version")


def newest_revision(migrations_dir: Path) -> str:
    """Return the name of the last migration step; steps are numbered in order."""
    return max(file.name.split("_", 1)[0] for file in (migrations_dir / "versions").glob("[0-9]*.py"))


class SchemaCheck:
    """Asks the database at each readiness check; a schema that is newer than the code is fine, an older one is not."""

    def __init__(self, engine: Engine, migrations_dir: Path) -> None:
        self._engine = engine
        self._needed = newest_revision(migrations_dir)

    def problems(self) -> list[str]:
        """Return what is wrong, in words."""
        try:
            with self._engine.connect() as connection:
                found = connection.scalar(_REVISION)
        except SQLAlchemyError as error:
            return [f"database: {type(error).__name__}"]
        if found is None or str(found) < self._needed:
            return [f"schema is at {found}, {self._needed} is needed"]
        return []
