#!/usr/bin/env bash
# Builds the local cluster's programs and links them together in local/bin.
#
# Each program is cached by the content of its sources, its module's versions
# and the compiler, so a second run, or a fresh clone at another path, builds
# nothing. A program appears in the cache by a rename: a killed build leaves no
# half program behind.
#
#   MATRIARCH_CACHE   the cache (default ~/.cache/matriarch)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

cache=${MATRIARCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/matriarch}
mkdir -p "$cache/bin"
exec 9>"$cache/local-build.lock"
flock 9

export CGO_ENABLED=0 GOFLAGS="${GOFLAGS:-} -trimpath -buildvcs=false"
compiler=$(go env GOVERSION GOOS GOARCH | tr '\n' ' ')
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' components/go.mod)
minor=${kubernetes#v*.}

# kubectl and client libraries read the version; unstamped it is not one.
stamp="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
  stamp+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
  stamp+=" -X $package.gitTreeState=clean -X $package.gitCommit=unknown -X $package.buildDate=1970-01-01T00:00:00Z"
done

# digest MODULE SOURCES...: a name for what goes into a program. Tests do not.
digest() {
  local module=$1
  shift
  (
    cd "$module"
    {
      echo "$compiler $stamp"
      for path in "$@"; do find "$path" -type f ! -name '*_test.go'; done | LC_ALL=C sort -u | xargs sha256sum
    } | sha256sum | cut -c1-16
  )
}

# made NAME DIGEST: the cached file's path.
made() { echo "$cache/bin/$1/$2/$1"; }

# make_file NAME DIGEST COMMAND...: runs COMMAND... OUTPUT unless it was run before.
make_file() {
  local name=$1 target begin=$SECONDS
  target=$(made "$1" "$2")
  shift 2
  if [[ -e $target ]]; then
    touch "$(dirname "$target")" # keeps it from being pruned
    printf '%-18s cached\n' "$name"
    return
  fi
  mkdir -p "$(dirname "$target")"
  rm -f "$target".unfinished.*
  "$@" "$target.unfinished.$$"
  mv "$target.unfinished.$$" "$target"
  printf '%-18s built in %d s\n' "$name" $((SECONDS - begin))
}

compile() { (cd "$1" && go build -ldflags "$stamp" -o "$3" "$2"); }

certificate_crds() {
  local dir
  dir=$(cd components && go mod download -json github.com/cert-manager/cert-manager@"$(
    awk '$1 == "github.com/cert-manager/cert-manager" { print $2 }' go.mod
  )" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  for file in "$dir"/deploy/crds/*.yaml; do
    echo ---
    cat "$file"
  done >"$1"
}

declare -A digests
program() { # NAME MODULE PACKAGE SOURCES...
  local name=$1 module=$2 package=$3
  shift 3
  digests[$name]=$(digest "$module" go.mod go.sum "$@")
  make_file "$name" "${digests[$name]}" compile "$module" "$package"
}

csi=github.com/kubernetes-csi
program matriarch-local . ./cmd/matriarch-local cmd/matriarch-local internal
program pause . ./cmd/pause cmd/pause
program kube components ./kube kube
program csi components ./csi csi
program csi-provisioner components $csi/external-provisioner/v6/cmd/csi-provisioner
program csi-resizer components $csi/external-resizer/v2/cmd/csi-resizer
program coredns components ./coredns coredns
program cert-manager components ./cert-manager cert-manager
digests[cert-manager-crds.yaml]=$(digest components go.mod)
make_file cert-manager-crds.yaml "${digests[cert-manager-crds.yaml]}" certificate_crds

# One folder that holds exactly this set; the running cluster keeps using its own.
set=$(for name in "${!digests[@]}"; do echo "$name ${digests[$name]}"; done | LC_ALL=C sort | sha256sum | cut -c1-16)
folder=$cache/local/$set
if [[ ! -d $folder ]]; then
  rm -rf "$folder".unfinished.*
  mkdir -p "$folder.unfinished.$$/assets"
  for name in "${!digests[@]}"; do
    ln -s "$(made "$name" "${digests[$name]}")" "$folder.unfinished.$$/$name"
  done
  # The command finds its companions beside itself, so it is no link.
  ln -f "$(made matriarch-local "${digests[matriarch-local]}")" "$folder.unfinished.$$/matriarch-local" 2>/dev/null ||
    cp --remove-destination "$(made matriarch-local "${digests[matriarch-local]}")" "$folder.unfinished.$$/matriarch-local"
  for name in etcd kube-apiserver kubectl; do
    ln -s "$(made kube "${digests[kube]}")" "$folder.unfinished.$$/assets/$name"
  done
  mv -T "$folder.unfinished.$$" "$folder"
fi
touch "$folder"
ln -sfn "$folder" bin.new && mv -T bin.new bin

# What nothing has used for a month goes.
find "$cache/local" "$cache/bin" -regextype posix-extended -mindepth 1 -maxdepth 2 -type d -mtime +30 \
  -regex '.*/[0-9a-f]{16}' -prune -exec rm -rf {} +
