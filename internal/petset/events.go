package petset

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch;update

// Reasons of events about single writes.
const (
	reasonCreated = "SuccessfulCreate"
	reasonDeleted = "SuccessfulDelete"
	reasonUpdated = "SuccessfulUpdate"
	reasonFailed  = "Failed"
)

// tell records what one action came to. That something newer was under way is not worth an event.
func (r *Reconciler) tell(set *api.PetSet, a Action, err error) {
	if outdated(err) {
		return
	}
	var related runtime.Object = a.Pod
	what := "pod "
	if a.Claim != nil {
		related, what = a.Claim, "claim "+a.Claim.Name
	} else {
		what += a.Pod.Name
	}
	if err != nil {
		r.Events.Eventf(set, related, corev1.EventTypeWarning, reasonFailed, string(a.Verb), "%s", noteOf(err.Error()))
		return
	}
	reason, did := reasonUpdated, "updated "
	switch a.Verb {
	case CreateClaim, CreatePod:
		reason, did = reasonCreated, "created "
	case DeletePod:
		reason, did = reasonDeleted, "deleted "
	}
	note := did + what
	if a.Why != "" {
		note += ": " + a.Why
	}
	r.Events.Eventf(set, related, corev1.EventTypeNormal, reason, string(a.Verb), "%s", note)
}

// tellConditions records conditions that came up or changed their reason. Failures of writes are told one by one already.
func (r *Reconciler) tellConditions(set *api.PetSet, was []api.PetSetCondition) {
	for _, c := range set.Status.Conditions {
		known := slices.ContainsFunc(was, func(o api.PetSetCondition) bool {
			return o.Type == c.Type && o.Status == c.Status && o.Reason == c.Reason
		})
		if known || c.Type == api.PetSetReplicaFailure {
			continue
		}
		kind := corev1.EventTypeNormal
		if c.Status == corev1.ConditionFalse {
			kind = corev1.EventTypeWarning
		}
		r.Events.Eventf(set, nil, kind, c.Reason, string(c.Type), "%s", noteOf(c.Message))
	}
}

// maxNote is how many bytes the API server takes as an event's note.
const maxNote = 1024

// noteOf cuts a text to what an event may hold.
func noteOf(text string) string {
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len("…")], "") + "…"
}
