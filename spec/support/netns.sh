#!/bin/sh
# netns.sh HOST PORT RECORD PEER [COMMAND]: builds two machines out of the network namespace that it is started in and
# another one, `far`, with a wire between them. With a COMMAND, starts PEER on the far one, which listens on HOST and PORT
# and records in RECORD, a folder that is made, and runs the COMMAND on this one.
set -e
host=$1 port=$2 record=$3 peer=$4
# `far` gets a name, which `ip netns` keeps in /run; this /run is our own.
mount -t tmpfs none /run
mkdir "$record"
ip netns add far
ip link add wire type veth peer name wire netns far
ip address add 10.77.0.1/24 dev wire
ip -n far address add "$host/24" dev wire
for link in lo wire; do
    ip link set $link up
    ip -n far link set $link up
done
ip netns exec far nft list ruleset
[ $# -gt 4 ] || exit 0
ip netns exec far "$peer" --host "$host" --port "$port" --mode lines --record "$record" --linger-with-parent >/run/peer &
until [ -s /run/peer ]; do sleep 0.01; done
eval "$5"
