#!/bin/bash
# gofmt, go vet and staticcheck over every module of the repository, and shell syntax.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then printf 'gofmt these files:\n%s\n' "$unformatted"; failed=1; fi
# The tag adds the tests of a whole cluster to everything else.
go vet -tags e2e ./... || failed=1
go tool staticcheck -tags e2e ./... || failed=1
(cd images && go vet ./...) || failed=1
for script in $(git ls-files '*.sh' .ci/run); do bash -n "$script" || failed=1; done
exit $failed
