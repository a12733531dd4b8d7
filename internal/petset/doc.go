// Package petset is the controller of PetSets: StatefulSet semantics (stable names, DNS entries and claims per ordinal,
// revisions, ordered and parallel management) plus placement of each pod by a PlacementPolicy.
//
// A sync has three parts, in files of their own. Decide (decide.go, update.go, and the pure files below it) takes what was
// observed and the time, and returns a Plan. Write (write.go) carries the plan out, action by action. Report (report.go,
// events.go) is the only writer of the status.
//
// What keeps it safe:
//
//   - Names are deterministic, so a second pod of an ordinal cannot exist: the API server refuses it.
//   - Every change and deletion carries the UID and resourceVersion of the object that the decision was made on. A stale view
//     ends in a conflict, never in a wrong deletion.
//   - Reads wait until the cache holds what this process wrote (controller-runtime's read-your-writes client), without
//     sleeping. What the previous process wrote is covered by the two rules above.
//   - Before the first write of a sync the set itself is read live: a set that was deleted, replaced or edited since is left
//     to the next sync.
//   - What was asked for is durable before it is done: the ControllerRevision and the status that names it are written before
//     the first pod is touched.
//
// What it caches. Every pod, claim and revision that a set makes or adopts carries the label api.SetLabel with the set's
// name, and the operator's cache holds only objects with that label (CacheOptions): a cluster's other pods, those of
// StatefulSets included, cost no memory. The label of the StatefulSet convention, statefulset.kubernetes.io/pod-name, would
// have let those in. The price: an orphan without the label is not seen by watching. It is found where it matters. A set
// that was never synced by this controller (its status has no labelSelector) is compared with a live list once, which takes
// over what another controller left behind; and a name that turns out to be taken is read live and adopted if it may be.
package petset
