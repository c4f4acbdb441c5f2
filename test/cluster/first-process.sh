#!/bin/bash
# The first process of a container, where the pod's processes share no namespace though its spec asks for one: passes signals
# on. A first process that has no handler yet is ended by none, and a Node.js that has just begun has none.
"$@" &
child=$!
trap 'kill -TERM $child' TERM
while :; do
  wait $child
  code=$?
  kill -0 $child 2>/dev/null || exit $code
done
