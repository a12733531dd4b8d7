#!/bin/bash
# scripts/prerequisites.sh GROUP...: sees to it that the Debian packages of a group are installed, and says what it does.
#   servers  real PostgreSQL, PgBouncer and Pgpool-II for the integration tests; they are installed but not started
#   images   what assembles images
# What the local cluster needs, it looks after itself (matriarch-local up).
set -euo pipefail

declare -A packages=(
	[servers]="postgresql-15 pgbouncer pgpool2 procps"
	[images]="mmdebstrap xz-utils zstd"
)

missing=()
for group in "$@"; do
	for package in ${packages[$group]}; do
		dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
	done
done
[ ${#missing[@]} -eq 0 ] && exit 0

refuse() {
	echo "missing packages: ${missing[*]}" >&2
	echo "$1; install them, then run this again" >&2
	exit 1
}
command -v apt-get >/dev/null || refuse "this is not Debian, so nothing is installed"
[ "$(id -u)" -eq 0 ] || refuse "only root can install packages"

echo "installing packages: ${missing[*]}"
if [ ! -e /usr/sbin/policy-rc.d ]; then # Debian starts what it installs, unless this says no
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	echo "apt-get failed; its whole output is in $log" >&2
	exit 1
fi
rm -f "$log"
