# Makes the cluster that POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB ask for, then becomes the server.
set -eu

user=${POSTGRES_USER:-postgres}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
  echo "POSTGRES_PASSWORD is not given, and POSTGRES_HOST_AUTH_METHOD is not trust" >&2
  exit 1
fi
printf '%s\n' "${POSTGRES_PASSWORD:-unused}" > /tmp/password
initdb --username="$user" --pwfile=/tmp/password --encoding=UTF8 --locale=C.UTF-8 --no-sync \
  --auth-local=trust --auth-host="$method" > /tmp/initdb.log || { cat /tmp/initdb.log >&2; exit 1; }
rm /tmp/password
echo "host all all all $method" >> "$PGDATA/pg_hba.conf"
if [ "${POSTGRES_DB:-postgres}" != postgres ]; then
  echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" -j postgres > /dev/null
fi
exec postgres -c listen_addresses='*' -c fsync=off
