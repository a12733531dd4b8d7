#!/bin/bash
# make bench: measures on the cluster of $KUBECONFIG or the local one, prints the table and keeps it in
# docs/benchmarks.md.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/cluster.sh
ensure_cluster
trap release_cluster EXIT
install_matriarch
if is_local; then
	AUDIT_LOG=${MATRIARCH_LOCAL_STATE:-/var/lib/matriarch-local}/log/audit.log
	export AUDIT_LOG
fi
mkdir -p bin
go run ./test/bench "$@" | tee bin/benchmark.md
{
	printf '# Benchmarks\n\n`make bench` writes this page. The local cluster and everything else share the machine.\n\n'
	cat bin/benchmark.md
} >docs/benchmarks.md
