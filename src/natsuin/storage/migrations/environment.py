"""How alembic runs migrations here: on the connection it is given, all of them in one transaction."""

from alembic import context


def run() -> None:
    """Called by the `env.py` of each tree."""
    with context.config.attributes["connection"] as connection:
        context.configure(
            connection=connection,
            target_metadata=None,
            render_as_batch=True,
            # Both engines undo schema changes with their transaction, so a failed upgrade leaves the old schema whole.
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()
