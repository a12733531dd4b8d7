#!/bin/bash
# make down: stops the local cluster. A cluster of $KUBECONFIG is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${KUBECONFIG:-}" ]; then
	echo "KUBECONFIG is set: its cluster is not Matriarch's to stop. kubectl delete -f config/demo/demo.yaml removes the demonstration."
	exit 0
fi
scripts/phase.sh "stop local Kubernetes" scripts/local.sh down
