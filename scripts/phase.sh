#!/bin/bash
# Runs a command as a named phase and prints how long it took.
set -u
name=$1; shift
echo "==> $name"
start=$(date +%s)
"$@"
status=$?
took=$(( $(date +%s) - start ))
if [ "$status" -eq 0 ]; then echo "<== $name: done in ${took} s"; else echo "<== $name: FAILED (exit $status) after ${took} s"; fi
exit "$status"
