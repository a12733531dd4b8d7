#!/bin/bash
# The demonstration: a Postgres, a Pgpool and a PgBouncer become Ready, and the Pgpool is reconfigured while SQL runs
# through it. Needs kubectl and KUBECONFIG; running it again is harmless.
set -euo pipefail
cd "$(dirname "$0")/.."
ns=demo

phase() { kubectl -n $ns get "$1" -o jsonpath='{.status.phase}' 2>/dev/null; }

# ready KIND/NAME SECONDS waits for the phase Ready and says what is wrong if it does not come.
ready() {
	local begin; begin=$(date +%s)
	if ! kubectl -n $ns wait --for=jsonpath='{.status.phase}'=Ready "$1" --timeout="$2s" >/dev/null; then
		echo "$1 is not Ready after $2 s but '$(phase "$1")':" >&2
		kubectl -n $ns describe "$1" | tail -40 >&2
		kubectl -n $ns get pods >&2
		exit 1
	fi
	printf '  %-22s Ready after %3s s\n' "$1" $(( $(date +%s) - begin ))
}

echo "==> demonstration: a Postgres of three members, a Pgpool and a PgBouncer of two pods each"
kubectl apply --server-side -f config/demo/demo.yaml
ready postgres/pg 240
ready pgpool/pool 120
ready pgbouncer/bouncer 120

password=$(kubectl -n $ns get secret pg-auth -o jsonpath='{.data.password}' | base64 -d)
in_pod() { kubectl -n $ns exec -i pg-0 -c postgres -- env PGPASSWORD="$password" PGCONNECT_TIMEOUT=5 "$@"; }

echo "==> reconfigure the Pgpool while SQL runs through it, a new connection for every statement"
rm -f bin/demo-traffic.log; mkdir -p bin
in_pod bash -c '
	good=0; bad=0
	while [ ! -e /tmp/demo-stop ]; do
		if psql -qAt -h pool -p 9999 -U postgres -c "select 1" >/dev/null; then good=$((good+1)); else bad=$((bad+1)); fi
	done
	rm -f /tmp/demo-stop; echo "$good statements answered, $bad failed"' >bin/demo-traffic.log 2>&1 &
traffic=$!
request=$(kubectl -n $ns create -f config/demo/reconfigure.yaml -o name)
if ! kubectl -n $ns wait --for=condition=Successful "$request" --timeout=120s >/dev/null; then
	kubectl -n $ns describe "$request" >&2
	in_pod touch /tmp/demo-stop
	exit 1
fi
in_pod touch /tmp/demo-stop
wait $traffic
printf '  %s: %s\n' "$request" "$(kubectl -n $ns get "$request" -o jsonpath='{.status.plan.summary}')"
printf '  meanwhile: %s\n' "$(tail -1 bin/demo-traffic.log)"
printf '  the running Pgpool says: log_client_messages = %s\n' \
	"$(in_pod psql -qAt -h pool -p 9999 -U postgres -c 'pgpool show log_client_messages')"

echo "==> what there is"
kubectl -n $ns get postgres,pgpool,pgbouncer,pgpoolopsrequest,petset,pods,services
cat <<TXT

Connect from inside the cluster, as any pod would:
  kubectl -n $ns exec -it pg-0 -c postgres -- psql "host=pg user=postgres password=$password"
  kubectl -n $ns exec -it pg-0 -c postgres -- psql "host=pool port=9999 user=postgres password=$password dbname=postgres"
  kubectl -n $ns exec -it pg-0 -c postgres -- psql "host=bouncer user=postgres password=$password dbname=postgres"
TXT
address() { kubectl -n $ns get service "$1" -o jsonpath='{.spec.clusterIP}'; }
if [ "${MATRIARCH_CLUSTER:-}" = local ]; then cat <<TXT
Or straight from this machine:
  psql "host=$(address pg) user=postgres password=$password dbname=postgres"
  psql "host=$(address pool) port=9999 user=postgres password=$password dbname=postgres"
  psql "host=$(address bouncer) user=postgres password=$password dbname=postgres"
kubectl for this cluster: export KUBECONFIG=$KUBECONFIG
TXT
fi
