// Package kube holds the Kubernetes mechanics that provisioner and ops engine share, without a database word:
//
//   - Applier: server-side apply under one field owner that sends nothing while nothing changed
//   - Follower: reads objects by name for a reconciler and wakes it when one of them changes
//   - PatchStatus: one status write that survives a concurrent writer
//   - Outcome: the closed set of ways in which a piece of work ends
package kube
