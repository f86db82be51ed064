# Makes the role and the database that the environment names, then becomes the server.
set -eu

quoted() { printf %s "$1" | sed "s/'/''/g"; }

postgres --single -D "$PGDATA" postgres >/dev/null <<SQL
CREATE ROLE "$POSTGRES_USER" LOGIN PASSWORD '$(quoted "$POSTGRES_PASSWORD")'
CREATE DATABASE "$POSTGRES_DB" OWNER "$POSTGRES_USER"
SQL
exec postgres -c listen_addresses="${POD_IP:-*}" -c fsync=off
