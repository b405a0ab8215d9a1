"""The bytes of mails under way are packed by lz4: pglz takes several times as long for what is kept for milliseconds.

A server built without lz4 goes on as it did. Bytes that lie there already stay as they are.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Set how new bytes are packed."""
    op.execute("""
        DO $$ BEGIN
            IF (SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
                ALTER TABLE messages ALTER COLUMN raw SET COMPRESSION lz4;
            END IF;
        END $$
    """)


def downgrade() -> None:
    """Leave it to the server again."""
    op.execute("ALTER TABLE messages ALTER COLUMN raw SET COMPRESSION default")
