"""The bytes of mails of unknown fate go: nobody sends them again, and some hold a link that opens an account."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A thousand at a time, each thousand a transaction."""
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = 0")
        op.execute("""
            DO $$ BEGIN
                LOOP
                    UPDATE messages SET raw = NULL WHERE id IN (
                        SELECT id FROM messages
                        WHERE raw IS NOT NULL AND state NOT IN ('queued', 'sending', 'deferred', 'sent')
                        ORDER BY id LIMIT 1000 FOR UPDATE);
                    EXIT WHEN NOT FOUND;
                    COMMIT;
                END LOOP;
            END $$
        """)
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    """They are gone."""
