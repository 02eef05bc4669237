#!/bin/sh
# A random password for each account that docker-compose.yml names: sh deploy/compose/passwords.sh >> .env, before the first start.
set -eu
cd "$(dirname "$0")/../.."
for name in $(grep -o '[A-Z][A-Z_]*_PASSWORD:-' docker-compose.yml | sort -u | cut -d: -f1) INTERNAL_TOKEN; do
  printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done
