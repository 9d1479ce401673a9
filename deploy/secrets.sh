#!/bin/sh
# Makes what is missing of an installation's secrets: passwords, and a certificate that it signs
# itself, until you put a real one in its place. What is there already is left alone.
#
#     deploy/secrets.sh FOLDER HOST
set -eu
folder=${1:?give a folder, for example deploy/secrets}
host=${2:?give the name that people type into their browser, for example unroll.example.org}
umask 077
mkdir -p "$folder"
for name in database_password artifacts_secret_key cookie_secret; do
    if [ ! -s "$folder/$name" ]; then
        openssl rand -hex 32 > "$folder/$name.new"
        mv "$folder/$name.new" "$folder/$name"
    fi
done
if [ -s "$folder/certificate.pem" ] && [ ! -s "$folder/key.pem" ]; then
    echo "$folder/certificate.pem has no key.pem beside it: put it there, or remove both" >&2
    exit 1
fi
if [ ! -s "$folder/certificate.pem" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 397 \
        -subj "/CN=$host" -addext "subjectAltName=DNS:$host,IP:127.0.0.1" \
        -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2>/dev/null
fi
if [ ! -s "$folder/team.toml" ]; then
    # By way of files: a command line is there for everybody on the machine to read.
    awk -v host="$host" -v secret_file="$folder/cookie_secret" '
        BEGIN { getline secret < secret_file }
        { gsub(/unroll\.example\.org/, host); sub(/COOKIE_SECRET/, secret); print }
    ' "$(dirname "$0")/team.example.toml" > "$folder/team.toml.new"
    mv "$folder/team.toml.new" "$folder/team.toml"
fi
