# Sourced by the scripts that need a cluster: the one of $KUBECONFIG, else the local one.
#
#   ensure_cluster   leaves KUBECONFIG exported and kubectl callable; starts the local cluster if it is not running, with
#                    at least $LOCAL_NODES nodes (1)
#   release_cluster  stops the local cluster again if ensure_cluster started it
#   is_local         tells whether it is the local cluster
#   install_matriarch  installs Matriarch, after assembling and loading the images on the local cluster

started_here=no

is_local() { [ "${MATRIARCH_CLUSTER:-}" = local ]; }

ensure_cluster() {
	if [ -n "${KUBECONFIG:-}" ] && ! is_local; then
		echo "using the cluster of KUBECONFIG=$KUBECONFIG"
		find_kubectl
		return
	fi
	scripts/phase.sh "build local Kubernetes" scripts/local.sh build
	scripts/local.sh status >/dev/null 2>&1 || started_here=yes
	scripts/phase.sh "start local Kubernetes" scripts/local.sh up
	if [ "$(scripts/local.sh kubectl get nodes -o name | wc -l)" -lt "${LOCAL_NODES:-1}" ]; then
		scripts/phase.sh "add nodes" scripts/local.sh up --nodes "$LOCAL_NODES"
	fi
	mkdir -p bin
	(umask 077; scripts/local.sh kubeconfig >bin/kubeconfig)
	KUBECONFIG=$PWD/bin/kubeconfig
	export KUBECONFIG MATRIARCH_CLUSTER=local
	find_kubectl
}

release_cluster() {
	if is_local && [ "$started_here" = yes ]; then
		scripts/phase.sh "stop local Kubernetes" scripts/local.sh down
	fi
}

# find_kubectl uses the kubectl that is installed, else the one inside the local cluster's programs.
find_kubectl() {
	if command -v kubectl >/dev/null; then return; fi
	is_local || scripts/phase.sh "build kubectl" scripts/local.sh build
	mkdir -p bin
	printf '#!/bin/bash\nexec "%s/scripts/local.sh" kubectl "$@"\n' "$PWD" >bin/kubectl
	chmod +x bin/kubectl
	export PATH="$PWD/bin:$PATH"
}

# install_matriarch brings Matriarch, and on the local cluster the images, up to date.
install_matriarch() {
	if is_local; then
		scripts/phase.sh "images" scripts/images.sh build
		scripts/phase.sh "load images" scripts/images.sh load
	fi
	scripts/phase.sh "install Matriarch" scripts/install.sh
}
