#!/bin/bash
# scripts/images.sh [build [ARGS] | load | ref NAME]
#   build  assembles what is not in the cache yet; see images/README.md
#   load   makes the local cluster know the images that it lacks
#   ref    prints the full name of an image, such as matriarch or matriarch-agent
set -euo pipefail
cd "$(dirname "$0")/.."
verb=${1:-build}
shift || true
(cd images && go build -o ../bin/matriarch-images .)
case $verb in
build)
	scripts/prerequisites.sh images
	bin/matriarch-images build "$@"
	;;
load) bin/matriarch-images list | xargs scripts/local.sh load ;;
ref) bin/matriarch-images ref "$1" ;;
*)
	echo "unknown verb: $verb (build, load, ref)" >&2
	exit 2
	;;
esac
