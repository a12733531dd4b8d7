#!/bin/bash
# Installs Matriarch into the cluster of $KUBECONFIG, or brings an installed one up to date. Running databases are not
# restarted. Images: $OPERATOR_IMAGE and $AGENT_IMAGE, else those that scripts/images.sh built. The catalog is the
# local one on the local cluster, the public one elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
operator=${OPERATOR_IMAGE:-$(scripts/images.sh ref matriarch)}
agent=${AGENT_IMAGE:-$(scripts/images.sh ref matriarch-agent)}
catalog=public
[ "${MATRIARCH_CLUSTER:-}" = local ] && catalog=local

apply() { kubectl apply --server-side --force-conflicts --field-manager=matriarch-install "$@" >/dev/null; }

apply -f config/crd
kubectl wait --for=condition=Established -f config/crd --timeout=60s >/dev/null
apply -f config/placement -f "config/catalog/$catalog" -f config/rbac
sed -e "s|OPERATOR_IMAGE|$operator|" -e "s|AGENT_IMAGE|$agent|" config/install/operator.yaml | apply -f -
apply -f config/install/webhooks.yaml
kubectl -n matriarch-system rollout status deployment/matriarch --timeout=180s

# The operator is ready a moment before every node's proxy knows its address, and until then objects are refused. An
# object that the webhooks answer for, admitted or not, shows that they are reached; a dry run stores nothing.
answered() {
	said=$(printf '%s' '{"apiVersion":"kubedb.com/v1alpha2","kind":"Pgpool","metadata":{"name":"probe","namespace":"default"},
		"spec":{"version":"none","postgresRef":{"name":"none"}}}' | kubectl create --dry-run=server -f - 2>&1) && return
	! grep -qE "failed calling webhook|InternalError|refused|timeout|timed out" <<<"$said"
}
deadline=$(( $(date +%s) + 60 ))
until answered; do
	if [ "$(date +%s)" -ge "$deadline" ]; then
		echo "the API server does not reach the operator's webhooks: $said" >&2
		exit 1
	fi
	sleep 0.2
done
echo "operator $operator, agent $agent, $catalog catalog"
