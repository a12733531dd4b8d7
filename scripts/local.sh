#!/bin/bash
# scripts/local.sh build | assets | anything that matriarch-local knows: the local Kubernetes, see local/README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
build) exec "$here/local/build.sh" ;;
*) exec "$here/local/bin/matriarch-local" "$@" ;;
esac
