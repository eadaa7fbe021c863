#!/bin/sh
# netns.sh HOST PORT RECORD PEER MORE DELAY NAMES [COMMAND]: builds two machines out of the network namespace that it is
# started in and another one, `far`, with a wire between them: a pair of veth, or what the command DELAY makes
# (spec/support/delay.c), if it is not empty. With a COMMAND, starts PEER on the far one, which listens on HOST and PORT
# and records in RECORD, a folder that is made (MORE are more arguments of its), and runs the COMMAND on this one. NAMES,
# if it is not empty, is a command that starts a name server on the far machine, which says what it does in /run/names.
set -e
host=$1 port=$2 record=$3 peer=$4 more=$5 delay=$6 names=$7
# `far` gets a name, which `ip netns` keeps in /run; this /run is our own.
mount -t tmpfs none /run
mkdir "$record"
ip netns add far
if [ -z "$delay" ]; then
    ip link add wire type veth peer name wire netns far
else # it says what it does in /run/delay
    $delay >/run/delay &
    echo $! >/run/delay.pid
    until [ -s /run/delay ]; do
        kill -0 $! 2>/run/gone || exit 1
        sleep 0.01
    done
fi
ip address add 10.77.0.1/24 dev wire
ip -n far address add "$host/24" dev wire
for link in lo wire; do
    ip link set $link up
    ip -n far link set $link up
done
ip netns exec far nft list ruleset
[ $# -gt 7 ] || exit 0
# shellcheck disable=SC2086 # several words
ip netns exec far "$peer" --host "$host" --port "$port" --mode lines --record "$record" --linger-with-parent $more \
    >/run/peer &
until [ -s /run/peer ]; do sleep 0.01; done
if [ -n "$names" ]; then
    # It gets its signal when this process ends, which becomes the COMMAND.
    # shellcheck disable=SC2086 # several words
    : >/run/names
    ip netns exec far setpriv --pdeathsig KILL $names >>/run/names 2>&1 &
    until grep -q ready /run/names; do
        kill -0 $! 2>/run/gone || { cat /run/names && exit 1; }
        sleep 0.01
    done
fi
eval "$8"
