#!/bin/sh
# RabbitMQ reads its accounts, and what each may do, whenever it starts: docker-compose.yml has them, in DEFINITIONS.
set -eu
umask 077
printf '%s' "$DEFINITIONS" >/etc/rabbitmq/definitions.json
unset DEFINITIONS
chown rabbitmq /etc/rabbitmq/definitions.json
exec docker-entrypoint.sh "$@"
