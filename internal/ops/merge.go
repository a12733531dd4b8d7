package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Several pending Reconfigures become one, so that a member is restarted once for all of them. The merged request is a
// new object whose annotation says what it was merged from; the originals are then Skipped. Nothing is lost or done
// twice, wherever the operator dies:
//
//   - The merged request's name follows from what it is merged from, so making it twice makes one.
//   - While it exists and is not over, an original that it names is never carried out: whoever looks at one, the engine
//     for the original or that for the merged request, marks it Skipped.
//   - The merged request begins only when all of its originals are dealt with.
//
// Only requests that agree on how they are to be carried out are merged, and only neighbours in the queue, so that the
// outcome is what it would be one after the other.

// origin is one of the requests that a merged one was made of.
type origin struct {
	Name    string      `json:"name"`
	UID     types.UID   `json:"uid"`
	Created metav1.Time `json:"created"`
}

// mergedFrom reads what a request was merged from, oldest first; nil for any other request.
func mergedFrom(request metav1.Object) []origin {
	var origins []origin
	if text := request.GetAnnotations()[naming.AnnotationMergedFrom]; text != "" {
		if json.Unmarshal([]byte(text), &origins) != nil {
			return nil
		}
	}
	return origins
}

// mergedInto returns the request that self was merged into, nil if there is none.
func mergedInto(self opsv1alpha1.OpsRequest, all []opsv1alpha1.OpsRequest) opsv1alpha1.OpsRequest {
	for _, other := range all {
		if other.RequestStatus().Phase.Finished() || other.GetDeletionTimestamp() != nil {
			continue
		}
		for _, o := range mergedFrom(other) {
			if o.UID == self.GetUID() {
				return other
			}
		}
	}
	return nil
}

func mergedText(into client.ObjectKey) database.Text {
	return database.Text{
		Type: opsv1alpha1.ConditionSkipped, Reason: opsv1alpha1.ReasonConfigurationMerged,
		Message: "Configuration merged into newly created ops request " + into.String(),
	}
}

// adopt deals with the originals of a merged request: they are Skipped before it begins.
func (run *run) adopt(ctx context.Context) error {
	origins := mergedFrom(run.request)
	if len(origins) == 0 || kube.ConditionTrue(run.status().Conditions, opsv1alpha1.ConditionOriginalOpsSkipped) {
		return nil
	}
	names := make([]string, 0, len(origins))
	for _, o := range origins {
		names = append(names, o.Name)
	}
	run.status().Phase = opsv1alpha1.OpsRequestPhasePending
	run.set(database.Text{
		Type: opsv1alpha1.ConditionMergedFromOps, Reason: opsv1alpha1.ReasonConfigurationMerged, Message: strings.Join(names, ","),
	}, true)
	if err := run.persist(ctx); err != nil {
		return err
	}
	for _, o := range origins {
		if err := run.skipOrigin(ctx, o); err != nil {
			return err
		}
	}
	run.set(database.Text{
		Type: opsv1alpha1.ConditionOriginalOpsSkipped, Reason: opsv1alpha1.ConditionOriginalOpsSkipped,
		Message: "All original ops requests have been marked as Skipped",
	}, true)
	return run.persist(ctx)
}

// skipOrigin marks an original as Skipped, unless it is gone or over. One that has begun (two operators at once) is left
// to its end; the merged request waits for it like any other and then finds its part done.
func (run *run) skipOrigin(ctx context.Context, o origin) error {
	key := client.ObjectKey{Namespace: run.request.GetNamespace(), Name: o.Name}
	other, err := run.r.load(ctx, key)
	if err != nil || other == nil || other.request.GetUID() != o.UID || !mergeable(other.request) {
		return err
	}
	outcome := other.end(ctx, opsv1alpha1.OpsRequestPhaseSkipped, mergedText(client.ObjectKeyFromObject(run.request)))
	return outcome.Err()
}

// mergeable tells whether a request waits and has touched nothing.
func mergeable(request opsv1alpha1.OpsRequest) bool {
	return queuedOf(request).pending() && !slices.Contains(request.GetFinalizers(), finalizer)
}

// merge makes one request out of this one and those that follow it, if there are any. It returns whether it did.
func (run *run) merge(ctx context.Context, all []opsv1alpha1.OpsRequest) (bool, error) {
	if run.request.RequestType() != opsv1alpha1.OpsReconfigure || !mergeable(run.request) {
		return false, nil
	}
	group, section := run.followers(all)
	if len(group) < 2 {
		return false, nil
	}
	merged, err := run.mergedRequest(group, section)
	if err != nil {
		return false, err
	}
	run.journal().Waiting = "its configuration to be merged into " + merged.GetName()
	run.journal().Attempt++ // so that the write happens: of two operators, one goes on
	run.status().Phase = opsv1alpha1.OpsRequestPhasePending
	if err := run.persist(ctx); err != nil {
		return false, err
	}
	err = run.r.client.Create(ctx, merged)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err) && run.made(ctx, merged):
		return true, nil
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err), apierrors.IsAlreadyExists(err):
		// Together they cannot be. One after the other, each gets its own answer.
		run.journal().Waiting, run.journal().Attempt = "", 0
		return false, nil
	}
	return false, fmt.Errorf("create the merged request %s: %w", client.ObjectKeyFromObject(merged), err)
}

// made tells whether the request that has the name is the same one, made before.
func (run *run) made(ctx context.Context, want client.Object) bool {
	live, err := run.r.newRequest()
	if err != nil || run.r.reader.Get(ctx, client.ObjectKeyFromObject(want), live) != nil {
		return false
	}
	return live.GetAnnotations()[naming.AnnotationMergedFrom] == want.GetAnnotations()[naming.AnnotationMergedFrom]
}

// followers are the request and those that come right after it in the queue and go together with it, and the section
// that all of them together have.
func (run *run) followers(all []opsv1alpha1.OpsRequest) ([]opsv1alpha1.OpsRequest, map[string]any) {
	waiting := slices.DeleteFunc(slices.Clone(all), func(r opsv1alpha1.OpsRequest) bool {
		return r.RequestType() != opsv1alpha1.OpsReconfigure || !mergeable(r)
	})
	slices.SortFunc(waiting, func(a, b opsv1alpha1.OpsRequest) int {
		if goesBefore(queuedOf(a), queuedOf(b)) {
			return -1
		}
		return 1
	})
	first := slices.IndexFunc(waiting, func(r opsv1alpha1.OpsRequest) bool { return r.GetUID() == run.request.GetUID() })
	if first < 0 {
		return nil, nil
	}
	waiting = waiting[first:]
	section, err := sectionOf(waiting[0])
	if err != nil {
		return nil, nil
	}
	group := waiting[:1]
	for _, next := range waiting[1:] {
		together, ok := run.together(waiting[0], next, section)
		if !ok {
			break
		}
		group, section = append(group, next), together
	}
	return group, section
}

// mergedRequest is the new object.
func (run *run) mergedRequest(group []opsv1alpha1.OpsRequest, section map[string]any) (opsv1alpha1.OpsRequest, error) {
	origins := make([]origin, 0, len(group))
	sum := fnv.New32a()
	for _, r := range group {
		q := queuedOf(r)
		origins = append(origins, origin{Name: r.GetName(), UID: r.GetUID(), Created: metav1.NewTime(q.created)})
		sum.Write([]byte(r.GetUID()))
	}
	from, err := json.Marshal(origins)
	if err != nil {
		return nil, fmt.Errorf("merge requests: %w", err)
	}
	newest := slices.MaxFunc(group, func(a, b opsv1alpha1.OpsRequest) int {
		return a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time)
	})
	at := newest.GetCreationTimestamp().UnixMilli() + int64(sum.Sum32()%1000)
	db := run.request.Base().DatabaseRef.Name
	text, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"namespace": run.request.GetNamespace(), "name": naming.MergedReconfigure(db, at), "labels": run.request.GetLabels(),
			"annotations": map[string]string{naming.AnnotationMergedFrom: string(from)},
		},
		"spec": map[string]any{
			"type": opsv1alpha1.OpsReconfigure, "databaseRef": map[string]string{"name": db}, "configuration": section,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("merge requests: %w", err)
	}
	merged, err := run.r.newRequest()
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, merged); err != nil {
		return nil, fmt.Errorf("merge requests: %w", err)
	}
	base := merged.Base()
	base.Apply, base.Timeout, base.MaxRetries = run.request.Base().Apply, patience(group), fewestRetries(group)
	return merged, nil
}

// patience is the longest timeout of the requests; nil is the default.
func patience(group []opsv1alpha1.OpsRequest) *metav1.Duration {
	longest := time.Duration(0)
	for _, r := range group {
		longest = max(longest, timeoutOf(r))
	}
	if longest == DefaultTimeout {
		return nil
	}
	return &metav1.Duration{Duration: longest}
}

// fewestRetries is the most careful wish of the requests.
func fewestRetries(group []opsv1alpha1.OpsRequest) *int32 {
	return slices.MinFunc(group, func(a, b opsv1alpha1.OpsRequest) int {
		return cmp.Compare(ptr.Deref(a.Base().MaxRetries, 1), ptr.Deref(b.Base().MaxRetries, 1))
	}).Base().MaxRetries
}
