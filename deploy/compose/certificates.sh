#!/bin/sh
# A private authority and one certificate of its for all servers, for deploy/compose/tls.yml: sh deploy/compose/certificates.sh
# Where you have an authority of your own, put its files of the same names into deploy/compose/certificates.
set -eu
cd "$(dirname "$0")"
servers=$(sed -n -e 's/^  \([a-z-]*-db\):$/\1/p' -e 's/^  \([a-z-]*-redis\):$/\1/p' -e 's/^  \(rabbitmq\):$/\1/p' ../../docker-compose.yml | sort -u)
mkdir -p certificates
cd certificates
names=DNS:$(echo $servers | sed 's/ /,DNS:/g')
openssl req -x509 -newkey rsa:3072 -nodes -days 3650 -subj "/CN=shop authority" -keyout authority.key -out authority.pem
openssl req -x509 -newkey rsa:3072 -nodes -days 365 -subj "/CN=shop servers" -addext "subjectAltName=$names" \
  -CA authority.pem -CAkey authority.key -keyout server.key -out server.pem
chmod 600 authority.key server.key
chmod 644 authority.pem server.pem
