package provision

import (
	corev1 "k8s.io/api/core/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// fate is what happens to one class of objects when the instance is deleted.
type fate bool

const (
	keep fate = false
	wipe fate = true
)

// legacy is what a deletion policy means for the data (claims and the Lease that remembers whose data they hold) and
// for the Secrets.
type legacy struct{ data, secrets fate }

// legacyOf reads a policy. DoNotTerminate is refused at admission; whoever got past that loses nothing. A policy that
// is unknown or absent means the default of the API.
func legacyOf(policy sharedv1.DeletionPolicy) legacy {
	switch policy {
	case sharedv1.DeletionPolicyDoNotTerminate, sharedv1.DeletionPolicyHalt:
		return legacy{data: keep, secrets: keep}
	case sharedv1.DeletionPolicyWipeOut:
		return legacy{data: wipe, secrets: wipe}
	}
	return legacy{data: wipe, secrets: keep}
}

// wipeable tells whether a Secret may be deleted with the instance: it is managed here, nobody manages it elsewhere,
// and no other instance uses it.
func wipeable(secret *corev1.Secret, external bool, usedByOthers map[string]bool) bool {
	return !external && !usedByOthers[secret.Name] && secret.Labels[naming.LabelManagedBy] == naming.ManagedBy
}
