"""The two sets of tables."""

import sqlalchemy as sa

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name made by rule, so that a migration can drop it on either engine."""

web_metadata = sa.MetaData(naming_convention=_NAMES)
"""DB-1: accounts, passkeys for login, sessions, documents. Nothing in it can make a signature."""

sam_metadata = sa.MetaData(naming_convention=_NAMES)
"""DB-2: wrapped keys, instructions, approvals, results. Only sam opens it."""
