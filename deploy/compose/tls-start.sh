#!/bin/sh
# Starts a server as its image does, with TLS: tls-start.sh postgres|redis|rabbitmq COMMAND…
# The server's user gets a copy of the key that only it can read.
set -eu
server=$1
shift
tls=/tmp/tls
mkdir -p $tls
cp /certificates/server.pem /certificates/server.key /certificates/authority.pem $tls/
chmod 600 $tls/server.key
chown -R "$server" $tls
case $server in
  postgres)
    exec docker-entrypoint.sh "$@" -c ssl=on -c ssl_cert_file=$tls/server.pem -c ssl_key_file=$tls/server.key
    ;;
  redis)
    exec docker-entrypoint.sh "$@" --port 0 --tls-port 6379 --tls-auth-clients no \
      --tls-cert-file $tls/server.pem --tls-key-file $tls/server.key --tls-ca-cert-file $tls/authority.pem
    ;;
  rabbitmq)
    cat >/etc/rabbitmq/conf.d/40-tls.conf <<CONF
listeners.tcp = none
listeners.ssl.default = 5671
ssl_options.cacertfile = $tls/authority.pem
ssl_options.certfile = $tls/server.pem
ssl_options.keyfile = $tls/server.key
CONF
    exec sh /usr/local/bin/rabbitmq-start.sh "$@"
    ;;
esac
