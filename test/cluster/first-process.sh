#!/bin/sh
# The first process of a container, where the pod's processes share no namespace though its spec asks for one: passes signals
# on. A first process that has no handler yet is ended by none, and a Node.js that has just begun has none. The trap comes
# before all else, and in the shell that is the faster one to start: a signal before it is lost, and its pod serves on to
# the end of its grace.
trap 'asked=yes; kill -TERM $child 2>/dev/null' TERM
"$@" &
child=$!
[ -z "$asked" ] || kill -TERM $child
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
