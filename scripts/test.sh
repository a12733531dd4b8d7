#!/bin/bash
# scripts/test.sh unit|integration|e2e [go test arguments]
# unit needs nothing but Go. integration needs etcd and kube-apiserver (built by local/build.sh) and the servers'
# Debian packages. e2e needs a cluster with Matriarch installed: the one of $KUBECONFIG, else the local one, which is
# started for the tests and stopped afterwards if it was not running before.
set -euo pipefail
cd "$(dirname "$0")/.."
layer=$1; shift
case $layer in
unit)
	go test -short ./... "$@"
	(cd images && go test -short ./... "$@")
	(cd local && go test -short ./... "$@")
	;;
integration)
	scripts/prerequisites.sh servers images
	scripts/local.sh build
	KUBEBUILDER_ASSETS=$(scripts/local.sh assets)
	export KUBEBUILDER_ASSETS
	# Tests mostly wait for servers: more of them at once than there are cores.
	go test -count=1 -p 2 -parallel 6 -timeout 30m ./... "$@"
	(cd images && go test -count=1 -timeout 30m ./...) # makes the images that are not there yet
	(cd local && go test -count=1 -tags local -timeout 20m ./test) # a cluster of its own, beside any other
	;;
e2e)
	source scripts/cluster.sh
	LOCAL_NODES=3 # servers with KubeDB's default requests of 500m CPU find no room on one node with two cores
	ensure_cluster
	trap release_cluster EXIT
	install_matriarch
	go test -tags e2e -count 1 -parallel 3 -timeout 60m -v ./test/e2e/... "$@"
	;;
*)
	echo "unknown layer of tests: $layer (unit, integration, e2e)" >&2
	exit 2
	;;
esac
