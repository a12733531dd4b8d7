#!/bin/bash
# Builds Matriarch's own programs into bin/.
set -euo pipefail
cd "$(dirname "$0")/.."
CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/ ./cmd/...
