"""Where a test's database is."""

from dataclasses import dataclass

TEST_PASSWORD = "only-for-tests"  # noqa: S105 - the cluster lives on loopback, for one test session


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """A fresh database: the owner runs migrations, the app role reads and writes rows. Both URLs hold the password."""

    owner_url: str
    app_url: str
    name: str

    def environment(self) -> dict[str, str]:
        """Return the settings a service started on this database needs."""
        return {
            "DATABASE_URL": self.app_url.replace(f":{TEST_PASSWORD}@", "@"),
            "DATABASE_PASSWORD": TEST_PASSWORD,
            "MIGRATION_DATABASE_URL": self.owner_url.replace(f":{TEST_PASSWORD}@", "@"),
            "MIGRATION_DATABASE_PASSWORD": TEST_PASSWORD,
        }
