#!/bin/sh
# Runs a command with secrets in its environment that no command line, image or compose file holds:
# NAME_FROM_FILE=path becomes NAME=(what the file holds).
#
#     PGPASSWORD_FROM_FILE=/run/secrets/database_password with-secrets.sh mlflow server
set -eu
for name in $(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)_FROM_FILE=.*/\1/p'); do
    eval "path=\$${name}_FROM_FILE"
    if [ ! -r "$path" ]; then
        echo "error: ${name}_FROM_FILE is '$path', which cannot be read here; see docs/hosting.md" >&2
        exit 1
    fi
    value=$(cat "$path")
    export "$name=$value"
    unset "${name}_FROM_FILE" value
done
exec "$@"
