// Package decide says what a member of a Postgres cluster does next, from what it observes: a pure function, so that
// every situation can be written down as a row of a table. Carrying the action out is the caller's business.
//
// The primary is fixed for now: the pod with ordinal 0. What a failover adds is another way to answer the question "am
// I the one who may be primary", in primary and standby below; the actions for it have their names already.
package decide

import "fmt"

// Do is what to do; a closed set.
type Do string

const (
	// Wait does nothing until something changes.
	Wait Do = "wait"
	// Initialise makes a new, empty cluster. Only ever on an empty volume of a cluster that never existed.
	Initialise Do = "initialise"
	// AdoptStaged puts a data directory that was completed beside the place into place.
	AdoptStaged Do = "adopt staged data"
	// RestoreFormer puts the data directory back that was moved away for a clone that never came into place.
	RestoreFormer Do = "restore former data"
	// RunPrimary serves as the primary.
	RunPrimary Do = "run primary"
	// Clone copies the primary into a clean directory.
	Clone Do = "clone"
	// Reclone is Clone for a member whose own data cannot follow the primary any more.
	Reclone Do = "reclone"
	// Follow serves as a standby.
	Follow Do = "follow"
	// FollowSource serves as a standby of a server elsewhere, and as what the other members follow.
	FollowSource Do = "follow the source"
	// Promote makes a standby a primary, on a new timeline.
	Promote Do = "promote"
	// Rewind and Fence are for the failover to come.
	Rewind Do = "rewind"
	Fence  Do = "fence"
)

// Action is what to do and why.
type Action struct {
	Do Do
	// Reason is for people.
	Reason string
	// Problem marks a Wait that somebody has to look at.
	Problem bool
}

// Data is what stands in a data directory's place.
type Data int

const (
	// Empty: nothing, or an empty directory.
	Empty Data = iota
	// Unknown: files, but no database cluster.
	Unknown
	// Cluster: a database cluster.
	Cluster
)

// Disk is what the member's volume holds.
type Disk struct {
	Data Data
	// SystemID of the cluster, as PostgreSQL prints it.
	SystemID string
	// Standby tells that the data is a standby's.
	Standby bool
	// Staged tells that a complete data directory waits beside the place, with StagedSystemID.
	Staged         bool
	StagedSystemID string
	// Former tells that a data directory was moved aside.
	Former bool
	// Lost says why the data cannot follow the primary any more; empty while it can.
	Lost string
}

// Lease is what is known of the leader Lease.
type Lease struct {
	// Seen tells that it was read, or that it was seen not to exist.
	Seen bool
	// Away tells that the API server has not answered for a while.
	Away   bool
	Exists bool
	// Holder is the name of the pod that holds it; empty for none.
	Holder string
	// SystemID is the cluster's, recorded when it was made; empty for a cluster that never existed.
	SystemID string
	// Source names the server elsewhere that the holder follows or followed last; empty for a cluster of its own.
	Source string
}

// Recorded tells whether the Lease may be done without for data of this system: either it could not be read at all, or
// it records this system.
func (l Lease) Recorded(systemID string) bool { return !l.Seen || l.SystemID == systemID }

// Observed is everything that the decision depends on.
type Observed struct {
	Ordinal int
	// ReadReplica tells that the member belongs to a group of read replicas, which only ever follow: its ordinal says
	// nothing.
	ReadReplica bool
	Disk        Disk
	Lease       Lease
	// Admin tells that the administrator's name and password are known.
	Admin bool
	// Source is what the cluster shall follow.
	Source Source
}

// First is the ordinal of the member that is the primary, or that streams from the source.
const First = 0

func (o Observed) first() bool { return !o.ReadReplica && o.Ordinal == First }

// Next decides.
func Next(o Observed) Action {
	switch {
	case !o.Admin:
		return wait("the administrator's Secret has not been read yet")
	case o.Disk.Data == Unknown:
		return problem("the data directory holds files but no database cluster; nothing is deleted, look at the volume")
	case !o.Lease.Seen && !o.Lease.Away:
		return wait("the leader Lease has not been read yet")
	case !o.Lease.Seen:
		return withoutLease(o)
	case !o.Lease.Exists:
		return problem("the leader Lease does not exist; the operator creates it")
	case o.Disk.Data == Cluster && o.Lease.SystemID != "" && o.Lease.SystemID != o.Disk.SystemID:
		return problem(fmt.Sprintf("the data directory is of system %s, the leader Lease records %s: this volume belongs to another cluster; nothing is deleted",
			o.Disk.SystemID, o.Lease.SystemID))
	case o.first() && o.Source.Wanted:
		return replica(o)
	case o.first() && o.Lease.Source != "" && o.Disk.Data == Cluster:
		return leave(o)
	case o.first():
		return primary(o)
	default:
		return standby(o)
	}
}

// withoutLease decides while the API server is away. It is enough to go on with what there is, because the primary is
// fixed and nobody can have taken over. With failover a primary may stay only while all members vouch for it, and
// must not start at all without the Lease (DESIGN §6).
func withoutLease(o Observed) Action {
	switch {
	case o.Disk.Data != Cluster:
		return problem("the API server is away and there is no data to serve")
	case o.first() && o.Source.Wanted:
		return replica(o)
	case o.first() && !o.Disk.Standby:
		return Action{Do: RunPrimary, Reason: "the API server is away; nobody else can have become primary"}
	case !o.first() && o.Disk.Standby:
		return Action{Do: Follow, Reason: "the API server is away; the primary is fixed"}
	default:
		return problem("the API server is away and the data is not of this member's role")
	}
}

func primary(o Observed) Action {
	switch {
	case o.Disk.Data == Cluster && o.Disk.Standby:
		return problem("the primary's data is a standby's; promoting it is not automatic yet")
	case o.Disk.Data == Cluster:
		return Action{Do: RunPrimary, Reason: "this pod is the primary"}
	case o.Disk.Staged && (o.Lease.SystemID == "" || o.Lease.SystemID == o.Disk.StagedSystemID):
		return Action{Do: AdoptStaged, Reason: "the initialisation was complete when it was interrupted"}
	case o.Disk.Former:
		return Action{Do: RestoreFormer, Reason: "the data was moved aside and nothing came into its place"}
	case o.Lease.SystemID != "":
		return problem(fmt.Sprintf("the data directory is empty although the leader Lease records system %s: the volume was lost or exchanged. "+
			"No new cluster is made over it; bring the volume back, or restore a backup", o.Lease.SystemID))
	default:
		return Action{Do: Initialise, Reason: "a new cluster"}
	}
}

func standby(o Observed) Action {
	switch {
	case o.Lease.SystemID == "":
		return wait("the primary has not initialised the cluster yet")
	case o.Disk.Data == Cluster && o.Disk.Lost != "":
		return Action{Do: Reclone, Reason: o.Disk.Lost}
	case o.Disk.Data == Cluster && !o.Disk.Standby:
		return Action{Do: Reclone, Reason: "the data is a primary's, which may hold what the present primary never had"}
	case o.Disk.Data == Cluster:
		return Action{Do: Follow, Reason: "the data follows the primary"}
	case o.Disk.Staged && o.Disk.StagedSystemID == o.Lease.SystemID:
		return Action{Do: AdoptStaged, Reason: "the clone was complete when it was interrupted"}
	case o.Disk.Former:
		return Action{Do: RestoreFormer, Reason: "the data was moved aside and nothing came into its place"}
	case o.Lease.Holder == "":
		return wait("there is no primary to clone from")
	default:
		return Action{Do: Clone, Reason: "no data yet"}
	}
}

func wait(reason string) Action { return Action{Do: Wait, Reason: reason} }

func problem(reason string) Action { return Action{Do: Wait, Reason: reason, Problem: true} }
