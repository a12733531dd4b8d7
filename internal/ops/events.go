package ops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/kube"
)

// eventSource is who events come from.
const eventSource = "matriarch-ops-manager"

// Bounds of the API server's for events, with room to spare.
const (
	maxEventReason  = 128
	maxEventMessage = 1000
)

// Reasons of events that are not conditions.
const (
	eventStarting   = "Starting"
	eventSuccessful = "Successful"
)

// +kubebuilder:rbac:groups="",resources=events,verbs=create

// tell records an event of the request, once: its name follows from what it says, so saying it again is refused by the
// API server. That makes it safe to tell again after a restart what may or may not have been told before. An event that
// cannot be written is not worth stopping an operation for.
func (run *run) tell(ctx context.Context, eventType, reason, message string) {
	sum := sha256.Sum256([]byte(string(run.request.GetUID()) + "\n" + reason + "\n" + message))
	now := metav1.NewTime(run.now)
	gvk := opsv1alpha1.GroupVersion.WithKind(run.r.info.OpsKind)
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: run.request.GetNamespace(),
			Name:      fmt.Sprintf("%s.%s", cut(run.request.GetName(), 200), hex.EncodeToString(sum[:8])),
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: gvk.GroupVersion().String(), Kind: gvk.Kind, Namespace: run.request.GetNamespace(),
			Name: run.request.GetName(), UID: run.request.GetUID(), ResourceVersion: run.request.GetResourceVersion(),
		},
		Type: eventType, Reason: cut(reason, maxEventReason), Message: cut(message, maxEventMessage),
		Source: corev1.EventSource{Component: eventSource}, ReportingController: eventSource,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	if err := run.r.client.Create(ctx, event); err != nil && !apierrors.IsAlreadyExists(err) {
		log.FromContext(ctx).V(1).Info("Could not record an event", "reason", reason, "error", err.Error())
	}
}

func (run *run) starting(ctx context.Context, format string, args ...any) {
	run.tell(ctx, corev1.EventTypeNormal, eventStarting, fmt.Sprintf(format, args...))
}

func (run *run) succeeded(ctx context.Context, format string, args ...any) {
	run.tell(ctx, corev1.EventTypeNormal, eventSuccessful, fmt.Sprintf(format, args...))
}

// tellConditions tells which conditions are True now and were not before.
func (run *run) tellConditions(ctx context.Context, before *opsv1alpha1.OpsRequestStatus) {
	for _, c := range run.status().Conditions {
		if c.Status != metav1.ConditionTrue || kube.ConditionTrue(before.Conditions, c.Type) {
			continue
		}
		switch {
		case c.Type == run.texts.Start.Type, c.Type == run.texts.Success.Type,
			c.Type == opsv1alpha1.ConditionDatabasePauseSucceeded:
			// told in other words
		case run.toldByAnother(c.Type):
		case c.Type == opsv1alpha1.ConditionFailed:
			run.tell(ctx, corev1.EventTypeWarning, c.Type, c.Message)
		case c.Reason == "":
			run.tell(ctx, corev1.EventTypeNormal, c.Message, c.Message) // a part of a step, on one pod
		default:
			run.tell(ctx, corev1.EventTypeNormal, c.Reason, c.Message)
		}
	}
}

// toldByAnother tells whether a condition of a pod becomes True together with a later one, which is told. What they say
// is that the pod is back, and once is enough.
func (run *run) toldByAnother(conditionType string) bool {
	back := run.texts.PodBack
	return len(back) > 1 && slices.ContainsFunc(back[:len(back)-1], func(part string) bool {
		return strings.HasPrefix(conditionType, part+opsv1alpha1.PodSeparator)
	})
}

// tellAgain tells what may have been left untold when the operator died between a write and its events.
func (run *run) tellAgain(ctx context.Context) {
	run.tellConditions(ctx, &opsv1alpha1.OpsRequestStatus{})
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:limit-3] + "..."
}
