package decide

import "fmt"

// Source is a server elsewhere that the cluster follows as a whole: the first member streams from it, and the others
// from the first member.
type Source struct {
	// Wanted tells that there shall be one.
	Wanted bool
	// Known tells that its address and credentials have been read.
	Known bool
}

// replica decides for the member that streams from the source. An empty volume is no loss here: the source has it all.
func replica(o Observed) Action {
	switch {
	case !o.Source.Known:
		return wait("the Secret with the source's address has not been read yet")
	case o.Disk.Data == Cluster && o.Disk.Lost != "":
		return Action{Do: Reclone, Reason: o.Disk.Lost}
	case o.Disk.Data == Cluster && !o.Disk.Standby:
		return problem("the data directory is a primary's own and cannot follow another server; nothing is deleted: " +
			"remove spec.remoteReplica, or make a new Postgres for the replica")
	case o.Disk.Data == Cluster:
		return Action{Do: FollowSource, Reason: "this pod streams from the source"}
	case o.Disk.Staged && (o.Lease.SystemID == "" || o.Lease.SystemID == o.Disk.StagedSystemID):
		return Action{Do: AdoptStaged, Reason: "the copy of the source was complete when it was interrupted"}
	case o.Disk.Former:
		return Action{Do: RestoreFormer, Reason: "the data was moved aside and nothing came into its place"}
	default:
		return Action{Do: Clone, Reason: "no data yet"}
	}
}

// leave decides for the member that followed a source when there shall be none any more. It may be promoted without a
// look at the source: to take the reference away and restart the pod is how a person asks for that.
func leave(o Observed) Action {
	if o.Disk.Standby {
		return Action{Do: Promote, Reason: fmt.Sprintf("spec.remoteReplica was removed: this pod leaves %s and becomes primary", o.Lease.Source)}
	}
	return Action{Do: RunPrimary, Reason: "this pod is the primary, it has left " + o.Lease.Source}
}
