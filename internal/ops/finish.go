package ops

import (
	"context"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// finish ends a request whose steps are over, one way or the other.
func (run *run) finish(ctx context.Context) kube.Outcome {
	if run.another() {
		return run.again(ctx)
	}
	if f := run.journal().Failure; f != nil {
		return run.end(ctx, opsv1alpha1.OpsRequestPhaseFailed, failedText(f))
	}
	if run.texts.Closing.Type != "" {
		run.set(run.texts.Closing, true)
	}
	return run.end(ctx, opsv1alpha1.OpsRequestPhaseSuccessful, run.texts.Success)
}

// end resumes the database, if the request holds it, and then says how the request ended. Killed in between, the request
// is still what it was and ends again; the database is free by then, but no other request begins while this one counts
// as Progressing.
func (run *run) end(ctx context.Context, phase opsv1alpha1.OpsRequestPhase, last database.Text) kube.Outcome {
	if err := run.giveBack(ctx); err != nil {
		return kube.Failed(err)
	}
	run.measure()
	if j := run.status().Journal; j != nil {
		j.Step, j.Attempt, j.Deadline, j.Waiting = "", 0, nil, ""
	}
	run.status().Phase = phase
	if last.Reason == "" {
		last.Reason = last.Type
	}
	run.set(last, true)
	if err := run.persist(ctx); err != nil {
		return kube.Failed(err)
	}
	return run.tidy(ctx)
}

// giveBack resumes the database and tells so.
func (run *run) giveBack(ctx context.Context) error {
	if run.database == nil || run.held() != holdOf(run.request) {
		return nil
	}
	kind := run.r.info.Kind
	run.starting(ctx, "Resuming %s database: %s", kind, run.databaseName())
	if err := run.resume(ctx); err != nil {
		return err
	}
	run.succeeded(ctx, "Successfully resumed %s database: %s for %s: %s",
		kind, run.databaseName(), run.r.info.OpsKind, run.request.GetName())
	return nil
}

// tidy makes sure that a request which is over holds nothing.
func (run *run) tidy(ctx context.Context) kube.Outcome {
	if err := run.giveBack(ctx); err != nil {
		return kube.Failed(err)
	}
	if tidy := run.recipe.tidy; tidy != nil {
		if err := tidy(ctx, run.r.client, run.r.reader, run.request); err != nil {
			return kube.Failed(err)
		}
	}
	if err := run.setFinalizer(ctx, false); err != nil {
		return kube.Failed(err)
	}
	run.stopProbesOf()
	run.forgetSessions()
	run.r.forget(run.request.GetUID())
	return kube.Done()
}

// cancelPending ends a request that was deleted between taking its finalizer and taking its first step.
func (run *run) cancelPending(ctx context.Context) kube.Outcome {
	return run.refuse(ctx, step.ReasonCancelled, "the request was deleted before it began")
}
