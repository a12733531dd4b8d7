// Package e2e tests Matriarch on a whole cluster, as a user would: manifests through kubectl, SQL through Services,
// status, events and logs read back. It needs KUBECONFIG, kubectl and an installed Matriarch; scripts/test.sh e2e
// provides all three. The tests are behind the build tag e2e.
package e2e
