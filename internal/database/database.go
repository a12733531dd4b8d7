// Package database is the seam between what Matriarch does to every database and what a database kind knows of
// itself. The provisioner and the ops engine are written against this package alone and import no kind; a kind is an
// adapter in internal/kinds that implements Kind and, where it has more to offer, one of the capabilities.
//
// The seam splits each kind into reading, deciding and asking:
//
//	Default  spec -> spec                         pure
//	Gather   spec -> everything that was read     all reads of the API server and of other servers
//	Build    what was read -> desired objects     pure
//	Members  pods -> who is what                  pure
//	Probe    what was read -> health              one connection to the server
//
// What Gather reads through its Reader is followed: when one of these objects changes, appears or goes, the instance
// is reconciled again. A kind therefore registers no watches.
package database

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Kind is what a database kind must say about itself.
type Kind interface {
	// Info returns the fixed facts about the kind.
	Info() Info
	// New returns an empty object of the kind, ready for client.Get(ctx, key, instance.Object()).
	New() Instance
	// Default fills the defaults into the spec, as the defaulting webhook does. It is pure and idempotent; the
	// provisioner applies it to its own copy as well, so that objects admitted without the webhook work alike.
	Default(Instance)
	// Validate says what is wrong with the instance, and what is accepted but not as it seems. old is nil on creation.
	// It may read catalog versions, storage classes and referenced objects.
	Validate(ctx context.Context, r Reader, old, now Instance) (warnings []string, problems field.ErrorList)
	// Gather reads everything that Build and Probe need and writes nothing. What is missing but expected to appear is
	// returned as a *Waiting error.
	Gather(ctx context.Context, r Reader, in Instance) (Gathered, error)
	// Build renders the desired objects. It is pure: no client, clock, environment or logger.
	Build(Gathered) (Desired, error)
	// Members says who is what among the pods of one instance, ordered by PetSet and ordinal.
	Members(pods []corev1.Pod) []Member
	// Probe connects as a client would, through the Service, and does the write check unless the spec disables it.
	Probe(ctx context.Context, g Gathered) Health
}

// Reader reads objects for Gather. Whatever is read through it, found or not, is followed until the next Gather.
// It has no list of everything: a List must be restricted to a namespace or by labels.
type Reader = client.Reader

// Gathered is what Gather found. Only the kind that made it looks inside.
type Gathered any

// Info holds the fixed facts about a kind.
type Info struct {
	// Kind is the API kind, such as Postgres.
	Kind string
	// Name is the full CRD name, the value of the label naming.LabelName.
	Name string
	// Component is the value of the label naming.LabelComponent.
	Component string
	// Container is the name of the server's container.
	Container string
	// OpsKind is the kind of the operation requests, such as PostgresOpsRequest.
	OpsKind string
	// AdminUser is the user name that a generated auth Secret gets.
	AdminUser string
	// PersistentSecrets returns the names of the generated Secrets, besides the auth Secret, that outlive the instance
	// under the deletion policies Halt and Delete.
	PersistentSecrets func(name, uid string) []string
	// Texts are the kind's own words in conditions.
	Texts Texts
}

// Texts are the words of a kind's conditions. A %s stands for namespace/name of the instance.
type Texts struct {
	ProvisioningStarted string
	ReplicasReady       string
	Accepting           string
	AcceptingReason     string
	Ready               string
	ReadyReason         string
	Provisioned         string
}
