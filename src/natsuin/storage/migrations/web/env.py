"""Alembic's entry into this tree."""

from natsuin.storage.migrations.environment import run

run()
