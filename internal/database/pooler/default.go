package pooler

import (
	"k8s.io/utils/ptr"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// Defaults are the fields of a pooler's spec that FillDefaults fills.
type Defaults struct {
	Replicas       **int32
	SSLMode        *sharedv1.SSLMode
	TLS            *sharedv1.TLSConfig
	Halted         bool
	DeletionPolicy *sharedv1.DeletionPolicy
	Health         *sharedv1.HealthCheckSpec
	// Postgres is the namespace of the AppBinding, which is the pooler's own unless another is named.
	Postgres  *string
	Namespace string
}

// FillDefaults fills what is absent, by the rules of the KubeDB API.
func FillDefaults(d Defaults) {
	whenNil(d.Replicas, 1)
	if *d.Postgres == "" {
		*d.Postgres = d.Namespace
	}
	if *d.SSLMode == "" {
		*d.SSLMode = sharedv1.SSLModeDisable
		if d.TLS != nil {
			*d.SSLMode = sharedv1.SSLModeVerifyFull
		}
	}
	if *d.DeletionPolicy == "" {
		*d.DeletionPolicy = sharedv1.DeletionPolicyDelete
	}
	if d.Halted && *d.DeletionPolicy != sharedv1.DeletionPolicyDoNotTerminate { // which is refused, not overruled
		*d.DeletionPolicy = sharedv1.DeletionPolicyHalt
	}
	whenNil(&d.Health.PeriodSeconds, 10)
	whenNil(&d.Health.TimeoutSeconds, 10)
	whenNil(&d.Health.FailureThreshold, 1)
}

func whenNil(field **int32, otherwise int32) {
	if *field == nil {
		*field = ptr.To(otherwise)
	}
}
