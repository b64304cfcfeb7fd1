#!/bin/bash
# Written by pgherd. Changes are overwritten.
# Whether HAProxy on this host can serve: it runs, and some server takes reads or writes.
exec 2> /dev/null
exec 3<> /dev/tcp/127.0.0.1/8405 || exit 1
printf 'GET /health HTTP/1.0\r\n\r\n' >&3 || exit 1
read -r -t 1 _ status _ <&3 || exit 1
[ "$status" = 200 ]
