"""What the containers of a rehearsal print: an app that boots, one that cannot, a migration."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["boot", "boot_failure", "migration", "migration_failure"]

_TABLES = ("users", "articles", "comments")


def boot() -> Sequence[str]:
    """Return what Puma prints when a Rails app comes up."""
    return (
        "=> Booting Puma",
        "=> Rails application starting in production",
        "=> Run `bin/rails server --help` for more startup options",
        "Puma starting in single mode...",
        "* Min threads: 5, max threads: 5",
        "* Environment: production",
        "*         PID: 1",
        "* Listening on http://0.0.0.0:3000",
        "Use Ctrl-C to stop",
    )


def boot_failure() -> Sequence[str]:
    """Return what a Rails app prints that misses a setting while it boots."""
    return (
        "=> Booting Puma",
        "=> Rails application starting in production",
        "=> Run `bin/rails server --help` for more startup options",
        "Exiting",
        "/app/config/environments/production.rb:12:in `fetch': key not found: "
        '"SECRET_KEY_BASE" (KeyError)',
        "\tfrom /app/config/environments/production.rb:12:in `block in <top (required)>'",
        "\tfrom /app/config/environments/production.rb:1:in `<top (required)>'",
        "\tfrom /app/config/environment.rb:5:in `<top (required)>'",
        "\tfrom /app/config.ru:3:in `require_relative'",
        "\tfrom bin/rails:4:in `<main>'",
    )


def migration(steps: int = 3) -> Sequence[str]:
    """Return what ``rails db:migrate`` prints for so many new tables."""
    lines: list[str] = []
    for number in range(steps):
        table = _TABLES[number] if number < len(_TABLES) else f"table_{number}"
        lines += _created(number, table)
    return lines


def migration_failure() -> Sequence[str]:
    """Return what ``rails db:migrate`` prints when its second migration is refused."""
    return (
        *_created(0, _TABLES[0]),
        f"== {_stamp(1)} AddEmailToUsers: migrating ".ljust(79, "="),
        "-- add_column(:users, :email, :string, {:null=>false})",
        "rails aborted!",
        "StandardError: An error has occurred, this and all later migrations canceled:",
        "",
        'PG::NotNullViolation: ERROR:  column "email" of relation "users" contains null values',
        f"/app/db/migrate/{_stamp(1)}_add_email_to_users.rb:3:in `change'",
        "",
        "Caused by:",
        'ActiveRecord::NotNullViolation: PG::NotNullViolation: ERROR:  column "email" of relation '
        '"users" contains null values',
        "",
        "Tasks: TOP => db:migrate",
        "(See full trace by running task with --trace)",
    )


def _stamp(number: int) -> str:
    return f"202301{number + 1:02}120000"


def _created(number: int, table: str) -> list[str]:
    title = "Create" + "".join(part.capitalize() for part in table.split("_"))
    return [
        f"== {_stamp(number)} {title}: migrating ".ljust(79, "="),
        f"-- create_table(:{table})",
        f"   -> 0.0{number % 9 + 1}31s",
        f"== {_stamp(number)} {title}: migrated (0.0{number % 9 + 1}32s) ".ljust(79, "="),
        "",
    ]
