#!/bin/sh
# Random passwords for docker compose: sh deploy/compose/passwords.sh >> .env, before the first start.
set -eu
for name in PRODUCT_DB_PASSWORD PRODUCT_DB_OWNER_PASSWORD PRODUCT_SERVICE_PASSWORD PRODUCT_REDIS_PASSWORD \
  ORDER_DB_PASSWORD ORDER_DB_OWNER_PASSWORD ORDER_SERVICE_PASSWORD ORDER_REDIS_PASSWORD RABBITMQ_PASSWORD INTERNAL_TOKEN; do
  printf '%s=%s\n' "$name" "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')"
done
