package provision

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// Reasons of events.
const (
	reasonSuccessful = "Successful"
	reasonFailed     = "Failed"
)

// actionProvision is what the events of this package are about.
const actionProvision = "Provision"

// worthWarning tells whether a condition says that the user has something to put right.
func worthWarning(c sharedv1.Condition) bool {
	if c.Status != metav1.ConditionFalse {
		return false
	}
	return c.Type == sharedv1.ConditionDatabaseDependencyReady ||
		c.Reason == database.ReasonConfigurationRejected || c.Reason == database.ReasonConfigurationUnusable
}

func (r *Reconciler) event(s *scope, eventType, reason, note string) {
	r.events.Eventf(s.in.Object(), nil, eventType, reason, actionProvision, "%s", note)
}

// tellApplied records the making or changing of a child; an empty noun keeps silent about it.
func (r *Reconciler) tellApplied(s *scope, noun string, change kube.Change) {
	switch {
	case noun == "":
	case change == kube.Created:
		r.event(s, "Normal", reasonSuccessful, "Successfully created "+noun)
	case change == kube.Updated && s.provisioned():
		r.event(s, "Normal", reasonSuccessful, "Successfully patched "+noun)
	}
}
