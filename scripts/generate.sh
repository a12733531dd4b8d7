#!/bin/bash
# Regenerates everything that is generated and committed. Needs no network beyond Go modules; running it on a clean
# tree leaves no difference, which .ci/run checks.
set -euo pipefail
cd "$(dirname "$0")/.."
go tool controller-gen object paths=./api/...
go tool controller-gen crd:maxDescLen=160,generateEmbeddedObjectMeta=true paths=./api/... output:crd:dir=config/crd
go tool controller-gen rbac:roleName=matriarch paths=./internal/... output:rbac:dir=config/rbac
(cd images && go run . generate)
