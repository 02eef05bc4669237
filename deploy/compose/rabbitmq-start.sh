#!/bin/sh
# RabbitMQ reads its accounts, and what each may do, whenever it starts. Passwords come from the environment.
# The patterns are those of shared-contracts/src/broker-permissions.ts: a test compares them.
set -eu
umask 077
cat >/etc/rabbitmq/definitions.json <<JSON
{
  "users": [
    {"name": "shop", "password": "$RABBITMQ_PASSWORD", "tags": ["administrator"]},
    {"name": "product-service", "password": "$PRODUCT_SERVICE_PASSWORD", "tags": []},
    {"name": "order-service", "password": "$ORDER_SERVICE_PASSWORD", "tags": []}
  ],
  "vhosts": [
    {"name": "/"}
  ],
  "permissions": [
    {"user": "shop", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
    {"user": "product-service", "vhost": "/", "configure": "^product-service[.].+\$", "write": "^(shop[.]events|shop[.]dead|product-service[.].+|order-service[.]order-updated)\$", "read": "^(shop[.]events|shop[.]dead|product-service[.].+)\$"},
    {"user": "order-service", "vhost": "/", "configure": "^order-service[.].+\$", "write": "^(shop[.]events|shop[.]dead|order-service[.].+|product-service[.]order-created)\$", "read": "^(shop[.]events|shop[.]dead|order-service[.].+)\$"}
  ],
  "exchanges": [
    {"name": "shop.events", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}},
    {"name": "shop.dead", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": false, "arguments": {}}
  ],
  "topic_permissions": [
    {"user": "product-service", "vhost": "/", "exchange": "shop.events", "write": "^(product[.]created|product[.]updated|product[.]deleted|order[.]updated)\$", "read": "^(order[.]created)\$"},
    {"user": "product-service", "vhost": "/", "exchange": "shop.dead", "write": "^()\$", "read": "^(product-service[.]order-created[.]dead)\$"},
    {"user": "order-service", "vhost": "/", "exchange": "shop.events", "write": "^(order[.]created)\$", "read": "^(order[.]updated|product[.]created|product[.]updated|product[.]deleted)\$"},
    {"user": "order-service", "vhost": "/", "exchange": "shop.dead", "write": "^()\$", "read": "^(order-service[.]order-updated[.]dead)\$"}
  ]
}
JSON
chown rabbitmq /etc/rabbitmq/definitions.json
exec docker-entrypoint.sh "$@"
