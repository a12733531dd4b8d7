package ops

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// begin takes a pending request to where its database is paused: admit, queue and gate, plan, pause.
func (run *run) begin(ctx context.Context) kube.Outcome {
	if reason, message := run.inadmissible(); reason != "" {
		return run.refuse(ctx, reason, message)
	}
	if err := run.adopt(ctx); err != nil {
		return kube.Failed(err)
	}
	requests, err := run.r.requestsFor(ctx, run.r.reader, objectKey(run.database))
	if err != nil {
		return kube.Failed(err)
	}
	if into := mergedInto(run.request, requests); into != nil {
		return run.end(ctx, opsv1alpha1.OpsRequestPhaseSkipped, mergedText(client.ObjectKeyFromObject(into)))
	}
	switch turn := run.turn(requests); {
	case turn.skippedFor != nil:
		return run.skip(ctx, *turn.skippedFor)
	case turn.wait != "":
		return run.wait(ctx, turn.wait)
	}
	if merged, err := run.merge(ctx, requests); err != nil || merged {
		return failedOrDone(err)
	}
	plan, err := run.plan(ctx)
	if err != nil {
		return run.unplannable(ctx, err)
	}
	run.record(plan)
	if plan.ends != "" {
		return run.end(ctx, opsv1alpha1.OpsRequestPhaseSuccessful, database.Text{
			Type: opsv1alpha1.ConditionSuccessful, Message: plan.ends,
		})
	}
	return run.claim(ctx)
}

// unplannable ends a request that cannot be carried out, or lets it wait for what is missing.
func (run *run) unplannable(ctx context.Context, err error) kube.Outcome {
	if r := (*step.Refusal)(nil); errors.As(err, &r) {
		return run.refuse(ctx, step.ReasonInvalid, r.Error())
	}
	if w := (*database.Waiting)(nil); errors.As(err, &w) {
		if err := run.resume(ctx); err != nil {
			return kube.Failed(err)
		}
		if outcome := run.wait(ctx, w.What); !outcome.OK() || w.Recheck <= 0 {
			return outcome
		}
		return kube.WaitUntil(w.Recheck)
	}
	return kube.Failed(err)
}

// refuse ends a request before it has done anything.
func (run *run) refuse(ctx context.Context, reason, message string) kube.Outcome {
	return run.end(ctx, opsv1alpha1.OpsRequestPhaseFailed, database.Text{
		Type: opsv1alpha1.ConditionFailed, Reason: reason, Message: message + "; nothing was changed",
	})
}

// inadmissible says why a request can never be carried out. Admission refuses most of it before; this is for what
// changed since, and for clusters without the webhook.
func (run *run) inadmissible() (reason, message string) {
	kind := run.r.info.Kind
	switch {
	case run.database == nil:
		return step.ReasonDatabaseGone, fmt.Sprintf("%s %s does not exist; correct spec.databaseRef", kind, run.databaseName())
	case run.recipe.unknown || len(run.recipe.steps) == 0:
		return step.ReasonUnsupported, fmt.Sprintf("the type %s is not supported for %s", run.request.RequestType(), kind)
	case run.database.Object().GetDeletionTimestamp() != nil:
		return step.ReasonDatabaseGone, fmt.Sprintf("%s %s is being deleted", kind, run.databaseName())
	case run.database.Spec().Halted:
		return step.ReasonHalted, fmt.Sprintf("%s %s is halted; set spec.halted to false first", kind, run.databaseName())
	}
	return "", ""
}

func failedOrDone(err error) kube.Outcome {
	if err != nil {
		return kube.Failed(err)
	}
	return kube.Done()
}

// turn asks whether it is the request's turn, on what the API server says and not on a cache.
func (run *run) turn(requests []opsv1alpha1.OpsRequest) turn {
	all := make([]queued, 0, len(requests))
	for _, request := range requests {
		all = append(all, queuedOf(request))
	}
	ready := run.database.Status().Phase == sharedv1.PhaseReady
	return decide(queuedOf(run.request), all, ready)
}

func queuedOf(request opsv1alpha1.OpsRequest) queued {
	base := request.Base()
	q := queued{
		name: request.GetName(), kind: request.RequestType(), phase: request.RequestStatus().Phase,
		created: request.GetCreationTimestamp().Time,
		always:  base.Apply == opsv1alpha1.ApplyAlways,
		aside:   base.DryRun || request.GetDeletionTimestamp() != nil,
	}
	if origins := mergedFrom(request); len(origins) > 0 { // it has the place of the youngest
		youngest := origins[len(origins)-1]
		q.created, q.place = youngest.Created.Time, youngest.Name
	}
	return q
}

// skip ends a request in favour of a newer one.
func (run *run) skip(ctx context.Context, by queued) kube.Outcome {
	return run.end(ctx, opsv1alpha1.OpsRequestPhaseSkipped, database.Text{
		Type:    opsv1alpha1.ConditionSkipped,
		Message: skippedMessage(run.request.GetNamespace(), run.r.info.OpsKind, by),
	})
}

// record puts the plan into the status, in memory.
func (run *run) record(p *planned) {
	status, j := run.status(), run.journal()
	status.Plan = p.plan
	j.DatabaseUID = run.database.Object().GetUID()
	j.Before, j.After = p.before, p.after
	j.FormerConfigHash, j.ConfigHash = p.formerHash, p.hash
	j.FormerImage, j.Image = p.formerImage, p.image
	j.Broken = nil
	for _, m := range run.members {
		if !m.Ready {
			j.Broken = append(j.Broken, m.Pod.Name)
		}
	}
}

// claim pauses the database for the request. The order matters: the finalizer, so that a deletion cannot make the
// request vanish; the plan, so that it is known before anything happens; the condition Paused, which only one request
// can get; and only then the phase Progressing, which therefore only one request per database can have.
func (run *run) claim(ctx context.Context) kube.Outcome {
	if run.held() != holdOf(run.request) {
		if err := run.free(ctx); err != nil {
			return kube.Failed(err)
		}
		if holder, paused := pausedBy(run.database.Status()); paused && holder != holdOf(run.request) {
			return run.wait(ctx, fmt.Sprintf("the database, which is paused (%s)", run.pauseMessage()))
		}
	}
	run.status().Phase = opsv1alpha1.OpsRequestPhasePending
	j := run.journal()
	j.Step, j.Waiting = opsv1alpha1.ConditionDatabasePauseSucceeded, ""
	j.Attempt++
	if err := run.setFinalizer(ctx, true); err != nil {
		return kube.Failed(err)
	}
	if err := run.persist(ctx); err != nil {
		return kube.Failed(err)
	}
	run.starting(ctx, "Start processing for %s", run.title())
	run.starting(ctx, "Pausing %s database: %s", run.r.info.Kind, run.databaseName())
	held, err := run.pause(ctx)
	if err != nil {
		return kube.Failed(err)
	}
	if !held {
		return run.wait(ctx, fmt.Sprintf("the database, which is paused (%s)", run.pauseMessage()))
	}
	return run.paused(ctx)
}

// paused makes the request Progressing, now that it holds the database. The plan is made once more: until the pause the
// provisioner may have been at work. It is written down with the first step's first move, before that has any effect.
func (run *run) paused(ctx context.Context) kube.Outcome {
	if err := run.observe(ctx); err != nil {
		return kube.Failed(err)
	}
	if run.gone() {
		return run.abandon(ctx)
	}
	plan, err := run.plan(ctx)
	if err != nil {
		return run.unplannable(ctx, err)
	}
	run.record(plan)
	now := metav1.NewTime(run.now)
	j := run.journal()
	j.Step, j.Attempt, j.Deadline, j.Started = "", 0, nil, &now
	run.status().Phase = opsv1alpha1.OpsRequestPhaseProgressing
	run.set(run.texts.Start, true)
	run.set(database.Text{
		Type: opsv1alpha1.ConditionDatabasePauseSucceeded, Reason: opsv1alpha1.ConditionDatabasePauseSucceeded,
		Message: "Successfully paused database",
	}, true)
	run.succeeded(ctx, "Successfully paused %s database: %s for %s: %s",
		run.r.info.Kind, run.databaseName(), run.r.info.OpsKind, run.request.GetName())
	run.probe()
	return run.proceed(ctx)
}
