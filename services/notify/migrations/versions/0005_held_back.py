"""Addresses that mails came back from."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE suppressions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        email text NOT NULL,
        class text NOT NULL,
        person_id text NOT NULL,
        cause text NOT NULL
            CONSTRAINT suppressions_cause CHECK (cause IN ('refused', 'bounced', 'complained')),
        detail text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        lifted_at timestamptz,
        lifted_by text,
        lift_reason text
    )
    """,
    "CREATE UNIQUE INDEX suppressions_held ON suppressions (email, class) WHERE lifted_at IS NULL",
    "CREATE INDEX suppressions_person ON suppressions (person_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE suppressions")
