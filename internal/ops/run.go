package ops

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// DefaultTimeout bounds each step of a request without spec.timeout. The restart of one pod is a step of its own. It
// leaves room for clients to finish on a pod that is drained, and for a node that has to pull an image.
const DefaultTimeout = 10 * time.Minute

// run is one pass over one request.
type run struct {
	r       *Reconciler
	request opsv1alpha1.OpsRequest
	// saved is the request as the API server holds it.
	saved opsv1alpha1.OpsRequest
	// database is nil if there is none of that name.
	database database.Instance
	members  []database.Member
	texts    database.OperationTexts
	recipe   recipe
	now      time.Time
	// passedOver are steps that had nothing to do in this pass.
	passedOver map[step.Step]bool
	// taken is what the API server was asked about in this pass.
	taken step.Taken
}

// load reads a request and its database; nil if there is no such request.
func (r *Reconciler) load(ctx context.Context, key client.ObjectKey) (*run, error) {
	request, err := r.newRequest()
	if err != nil {
		return nil, err
	}
	if err := r.reader.Get(ctx, key, request); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("read %s %s: %w", r.info.OpsKind, key, err)
	}
	run := &run{
		r: r, request: request, saved: copyOf(request), now: r.now(), passedOver: map[step.Step]bool{},
	}
	run.recipe = recipes()[request.RequestType()]
	run.recipe.unknown = true
	if operable, ok := database.AsOperable(r.kind); ok {
		texts, known := operable.Operation(request.RequestType())
		run.texts, run.recipe.unknown = run.filled(texts), !known
	}
	return run, run.observe(ctx)
}

// observe reads the database and its pods from the API server.
func (run *run) observe(ctx context.Context) error {
	r := run.r
	run.now = r.now()
	in := r.kind.New()
	key := client.ObjectKey{Namespace: run.request.GetNamespace(), Name: run.request.Base().DatabaseRef.Name}
	run.database, run.members = nil, nil
	if err := r.reader.Get(ctx, key, in.Object()); err != nil {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("read %s %s: %w", r.info.Kind, key, err)
	}
	run.database = in
	var pods corev1.PodList
	selector := client.MatchingLabels(naming.Selector(r.info.Name, key.Name))
	if err := r.reader.List(ctx, &pods, client.InNamespace(key.Namespace), selector); err != nil {
		return fmt.Errorf("list the pods of %s %s: %w", r.info.Kind, key, err)
	}
	run.members = r.kind.Members(pods.Items)
	for _, m := range run.members {
		if m.Pod.DeletionTimestamp != nil {
			r.hear(m.Pod)
		}
	}
	return nil
}

// scope is what the steps see.
func (run *run) scope() *step.Scope {
	return &step.Scope{
		Kind: run.r.kind, Texts: run.texts, Request: run.request, Database: run.database, Members: run.members,
		Client: run.r.client, Reader: run.r.reader, Timeout: run.timeout(), Now: run.now, Present: run.r.present,
		Memory: run.r.memory, Taken: &run.taken,
	}
}

func (run *run) status() *opsv1alpha1.OpsRequestStatus { return run.request.RequestStatus() }

func (run *run) timeout() time.Duration { return timeoutOf(run.request) }

func timeoutOf(request opsv1alpha1.OpsRequest) time.Duration {
	if t := request.Base().Timeout; t != nil && t.Duration > 0 {
		return t.Duration
	}
	return DefaultTimeout
}

// title names the request in messages, such as PgpoolOpsRequest: demo/op.
func (run *run) title() string {
	return fmt.Sprintf("%s: %s", run.r.info.OpsKind, client.ObjectKeyFromObject(run.request))
}

// databaseName is namespace/name of the database, whether it exists or not.
func (run *run) databaseName() string {
	return run.request.GetNamespace() + "/" + run.request.Base().DatabaseRef.Name
}

// filled puts names into the kind's words.
func (run *run) filled(t database.OperationTexts) database.OperationTexts {
	names := strings.NewReplacer("{database}", run.databaseName(), "{namespace}", run.request.GetNamespace(),
		"{request}", run.request.GetName())
	for _, text := range []*database.Text{&t.Start, &t.Certificates, &t.Objects, &t.Reload, &t.Restart, &t.Database, &t.Closing, &t.Success} {
		text.Message = names.Replace(text.Message)
		if text.Reason == "" {
			text.Reason = text.Type
		}
	}
	return t
}

// set sets a condition of the request. A condition that is True stays so.
func (run *run) set(text database.Text, done bool) {
	if done || !kube.ConditionTrue(run.status().Conditions, text.Type) {
		kube.SetCondition(&run.status().Conditions, sharedv1.Condition{
			Type: text.Type, Status: statusOf(done), Reason: text.Reason, Message: text.Message,
			ObservedGeneration: run.request.GetGeneration(),
		}, metav1.NewTime(run.now))
	}
}

func statusOf(done bool) metav1.ConditionStatus {
	if done {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}
