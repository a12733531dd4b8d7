package petset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	api "github.com/matriarchdb/matriarch/api/apps/v1"
)

// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets/status,verbs=update

// statusOf describes what was observed, with those conditions of this file's that are given and all others there were. A pod
// that terminates counts until it is gone: a restart of a member then changes the status only when the member ceases to be
// ready, and when its successor is.
func statusOf(o Observed, collisions int32, conditions ...api.PetSetCondition) api.PetSetStatus {
	s := settingsOf(o.Set)
	status := api.PetSetStatus{
		ObservedGeneration: o.Set.Generation,
		CurrentRevision:    o.Current.Name,
		UpdateRevision:     o.Update.Name,
		CollisionCount:     ptr.To(collisions),
		LabelSelector:      metav1.FormatLabelSelector(o.Set.Spec.Selector),
		Conditions:         o.Set.Status.Conditions,
	}
	for _, pod := range o.Pods {
		status.Replicas++
		if ready(pod) {
			status.ReadyReplicas++
		}
		if is, _ := available(pod, s.minReady, o.Now); is {
			status.AvailableReplicas++
		}
		if revisionOf(pod) == o.Current.Name {
			status.CurrentReplicas++
		}
		if revisionOf(pod) == o.Update.Name {
			status.UpdatedReplicas++
		}
	}
	if n := int32(s.replicas); status.UpdatedReplicas == n && status.ReadyReplicas == n && status.Replicas == n {
		status.CurrentRevision, status.CurrentReplicas = status.UpdateRevision, status.UpdatedReplicas
	}
	for _, t := range []api.PetSetConditionType{api.PetSetValid, api.PetSetPlaceable} {
		if !slices.ContainsFunc(conditions, func(c api.PetSetCondition) bool { return c.Type == t }) {
			status.Conditions = withoutCondition(status.Conditions, t)
		}
	}
	for _, c := range conditions {
		status.Conditions = withCondition(status.Conditions, c, o.Now)
	}
	return status
}

// report writes the status if it differs from the one known, and tells about conditions that changed.
func (r *Reconciler) report(ctx context.Context, set *api.PetSet, status api.PetSetStatus) error {
	if apiequality.Semantic.DeepEqual(set.Status, status) {
		return nil
	}
	was := set.Status
	set.Status = status
	if err := r.Client.Status().Update(ctx, set); err != nil {
		set.Status = was
		return fmt.Errorf("update the status of PetSet %s/%s: %w", set.Namespace, set.Name, err)
	}
	r.tellConditions(set, was.Conditions)
	return nil
}

// reportInvalid reports that the spec cannot be acted on.
func (r *Reconciler) reportInvalid(ctx context.Context, set *api.PetSet, problems []string) error {
	status := *set.Status.DeepCopy()
	status.ObservedGeneration = set.Generation
	status.Conditions = withCondition(status.Conditions, api.PetSetCondition{
		Type: api.PetSetValid, Status: corev1.ConditionFalse, Reason: api.ReasonInvalidSpec, Message: strings.Join(problems, "; "),
	}, r.Now())
	return r.report(ctx, set, status)
}

// sameButCounts tells whether two statuses differ at most in numbers of pods.
func sameButCounts(a, b api.PetSetStatus) bool {
	b.Replicas, b.ReadyReplicas, b.AvailableReplicas = a.Replicas, a.ReadyReplicas, a.AvailableReplicas
	b.CurrentReplicas, b.UpdatedReplicas = a.CurrentReplicas, a.UpdatedReplicas
	return apiequality.Semantic.DeepEqual(a, b)
}

// reportFailure reports what was observed, and what went wrong then. An error that only means that something newer is under
// way is no failure.
func (r *Reconciler) reportFailure(ctx context.Context, set *api.PetSet, status api.PetSetStatus, failure error) error {
	if outdated(failure) {
		return nil
	}
	status.Conditions = withCondition(status.Conditions, api.PetSetCondition{
		Type: api.PetSetReplicaFailure, Status: corev1.ConditionTrue, Reason: api.ReasonFailedWrite, Message: oneLine(failure),
	}, r.Now())
	return r.report(ctx, set, status)
}

// reportSuccess takes back what reportFailure said, now that nothing went wrong.
func (r *Reconciler) reportSuccess(ctx context.Context, set *api.PetSet) error {
	status := *set.Status.DeepCopy()
	status.Conditions = withoutCondition(status.Conditions, api.PetSetReplicaFailure)
	return r.report(ctx, set, status)
}

// oneLine is the text of an error, of joined ones in one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// withCondition returns the conditions with one set; its transition time changes with its status only.
func withCondition(conditions []api.PetSetCondition, c api.PetSetCondition, now time.Time) []api.PetSetCondition {
	c.LastTransitionTime = metav1.NewTime(now)
	out := slices.Clone(conditions)
	for i := range out {
		if out[i].Type != c.Type {
			continue
		}
		if out[i].Status == c.Status {
			c.LastTransitionTime = out[i].LastTransitionTime
		}
		out[i] = c
		return out
	}
	return append(out, c)
}

func withoutCondition(conditions []api.PetSetCondition, t api.PetSetConditionType) []api.PetSetCondition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c api.PetSetCondition) bool { return c.Type == t })
}
