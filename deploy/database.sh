#!/bin/sh
# PostgreSQL without Docker: does what the entrypoint of the image "postgres" does with the same
# variables (POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD_FILE, PGDATA; and PGPORT), and then is
# the server, which listens on loopback alone and on no socket in /tmp.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA.new"
    initdb --pgdata="$PGDATA.new" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA.new" postgres
    mv "$PGDATA.new" "$PGDATA"
fi
exec postgres -D "$PGDATA" -h 127.0.0.1 -p "$PGPORT" -k ''
