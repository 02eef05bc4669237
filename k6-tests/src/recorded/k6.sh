#!/bin/sh
echo "$@"
echo "BASE_URL=$BASE_URL TOKEN=$TOKEN GOGC=$GOGC"
exit 107
