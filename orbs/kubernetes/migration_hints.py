"""What to do about a migration that failed, by what Rails and the database said."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["migration_hint"]

_HINTS = (
    (
        r"ConcurrentMigrationError",
        "another migration holds the database's lock: wait for it to end, then deploy again",
    ),
    (
        r"password authentication failed|Access denied for user",
        "the database refuses the user: correct DATABASE_URL in the environment's Secret "
        "(`orbyard secrets.edit`)",
    ),
    (
        r"(database|role) \"[^\"]*\" does not exist|Unknown database|NoDatabaseError",
        "the database server answers, but has no such database or role: create it, or correct "
        "DATABASE_URL",
    ),
    (
        r"could not translate host name|Name or service not known|Unknown (MySQL server )?host",
        "the database's host name is unknown in the cluster: correct DATABASE_URL",
    ),
    (
        r"could not connect|Connection refused|ConnectionNotEstablished|Can't connect to",
        "the database does not answer from inside the cluster: is it up, and are host, port and "
        "network policies right?",
    ),
    (
        r"key must be|MessageEncryptor::InvalidMessage|secret_key_base",
        "a secret of Rails is missing or wrong: look at SECRET_KEY_BASE and RAILS_MASTER_KEY in the "
        "Secret",
    ),
    (
        r"StatementInvalid|PG::\w+|Mysql2::Error|SQLite3::\w+|IrreversibleMigration",
        "the database refused a statement: correct the migration. PostgreSQL has rolled this one "
        "back unless it disabled its transaction; MySQL may have done half of it",
    ),
    (
        r"LoadError|NameError|SyntaxError|Bundler::\w+",
        "the app does not even load: run `bin/rails runner 1` in the image",
    ),
)
"""Words of Active Record (activerecord/lib/active_record/errors.rb) and of libpq and MySQL's client."""


def migration_hint(lines: Iterable[str]) -> str | None:
    """Return the advice for the first thing that is recognised, or None."""
    text = "\n".join(lines)
    return next((advice for words, advice in _HINTS if re.search(words, text)), None)
