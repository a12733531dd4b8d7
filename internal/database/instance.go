package database

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Instance is one database object with the parts that every kind has in common.
type Instance interface {
	// Object is the typed object itself.
	Object() client.Object
	// Spec returns the common part of the spec.
	Spec() Spec
	// Status points to the common part of the object's status.
	Status() *sharedv1.DatabaseStatus
	// DeepCopy returns an independent copy.
	DeepCopy() Instance
}

// CredentialsDated is an Instance whose status says since when its credentials are what they are.
type CredentialsDated interface {
	// DateCredentials writes the time into the status.
	DateCredentials(since metav1.Time)
}

// Spec is what engine and provisioner need to know of any database's spec.
type Spec struct {
	// Version is the name of the catalog object.
	Version string
	// Replicas is the desired number of members of the main PetSet, defaults applied.
	Replicas int32
	// Groups are the further PetSets of members, such as read replicas.
	Groups []Group
	// Halted asks for everything to be removed but data and Secrets. Kinds without such a field leave it false.
	Halted         bool
	DeletionPolicy sharedv1.DeletionPolicy
	Health         HealthCheck
	// InitPending is true while spec.init is not yet marked as done.
	InitPending bool
	// Auth says which Secret holds the administrator's credentials; nil until the user named one or the operator
	// recorded its own.
	Auth *sharedv1.AuthSecret
	// AuthGiven tells that the server has its users from elsewhere: the Secret is waited for, not made.
	AuthGiven bool
	// Backend is the AppBinding that a pooler connects to; zero for other kinds.
	Backend types.NamespacedName
}

// Group is a PetSet of members beside the main one.
type Group struct {
	PetSet string
	// Replicas is the desired number of its members, defaults applied.
	Replicas int32
}

// HealthCheck says how often and how strictly the server is asked whether it serves.
type HealthCheck struct {
	Period  time.Duration
	Timeout time.Duration
	// FailureThreshold is the number of consecutive failures that make a server unhealthy, at least 1.
	FailureThreshold  int32
	DisableWriteCheck bool
}

// Defaults of the health check (FailureThreshold has no effect below 1).
const (
	defaultHealthPeriod  = 10 * time.Second
	defaultHealthTimeout = 10 * time.Second
)

// HealthCheckOf reads the API's form, with its defaults for what is absent or not positive.
func HealthCheckOf(spec sharedv1.HealthCheckSpec) HealthCheck {
	return HealthCheck{
		Period:            positiveSeconds(spec.PeriodSeconds, defaultHealthPeriod),
		Timeout:           positiveSeconds(spec.TimeoutSeconds, defaultHealthTimeout),
		FailureThreshold:  threshold(spec.FailureThreshold),
		DisableWriteCheck: spec.DisableWriteCheck,
	}
}

func positiveSeconds(seconds *int32, otherwise time.Duration) time.Duration {
	if seconds == nil || *seconds <= 0 {
		return otherwise
	}
	return time.Duration(*seconds) * time.Second
}

func threshold(n *int32) int32 {
	if n == nil || *n < 1 {
		return 1
	}
	return *n
}

// NameOf is namespace/name of the instance, as conditions and messages print it.
func NameOf(in Instance) string { return client.ObjectKeyFromObject(in.Object()).String() }

// AuthSecretName returns the name of the Secret with the administrator's credentials, given the name that a generated
// one would have.
func (s Spec) AuthSecretName(generated string) string {
	if s.Auth == nil || s.Auth.Name == "" {
		return generated
	}
	return s.Auth.Name
}

// AuthActiveFrom returns since when the present credentials are in force, nil if that is not recorded.
func (s Spec) AuthActiveFrom() *metav1.Time {
	if s.Auth == nil {
		return nil
	}
	return s.Auth.ActiveFrom
}
