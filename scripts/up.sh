#!/bin/bash
# make up: a cluster, Matriarch in it, and the demonstration.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/cluster.sh
begin=$(date +%s)
ensure_cluster
install_matriarch
scripts/demo.sh
echo "everything took $(( $(date +%s) - begin )) s; make down stops the cluster and removes what it left"
