package ops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// conditionTryFailed, with the number of the attempt, tells of an attempt that was undone before the next one.
const conditionTryFailed = "TryFailed"

// tries is how often the operation may be attempted. KubeDB's default of spec.maxRetries is 1, which must not mean that
// every failing change hits a database twice.
func (run *run) tries() int32 { return max(ptr.Deref(run.request.Base().MaxRetries, 1), 1) }

// another tells whether a failed and undone operation is attempted again. Only running out of time is worth it: a server
// that refused something refuses it again. What could not be undone must not be done once more.
func (run *run) another() bool {
	j := run.journal()
	return j.Failure != nil && j.Failure.Reason == step.ReasonTimeout && len(j.Failure.Unrestored) == 0 &&
		j.Try+1 < run.tries() && run.request.GetDeletionTimestamp() == nil
}

// again begins the operation anew, with a plan of what is there now, and keeps the database paused meanwhile. The status
// that says so is written at once, so an operator that dies before it undoes nothing twice, and one that dies after it
// carries on with the new attempt.
func (run *run) again(ctx context.Context) kube.Outcome {
	if tidy := run.recipe.tidy; tidy != nil {
		if err := tidy(ctx, run.r.client, run.r.reader, run.request); err != nil {
			return kube.Failed(err)
		}
	}
	plan, err := run.plan(ctx)
	if err != nil {
		return run.end(ctx, opsv1alpha1.OpsRequestPhaseFailed, failedText(run.journal().Failure))
	}
	j := run.journal()
	j.Try++
	failed := fmt.Sprintf("attempt %d of %d failed in step %s: %s\nThe former state is in force; the next attempt begins.",
		j.Try, run.tries(), j.Failure.Step, j.Failure.Message)
	j.FormerTries = run.gonePods()
	j.Targets, j.Failure = nil, nil
	j.Step, j.Attempt, j.Deadline, j.Waiting = "", 0, nil, ""
	run.dropStepConditions()
	run.set(database.Text{Type: step.Part(conditionTryFailed, fmt.Sprint(j.Try)), Reason: step.ReasonTimeout, Message: failed}, true)
	run.record(plan)
	clear(run.passedOver)
	if err := run.persist(ctx); err != nil {
		return kube.Failed(err)
	}
	return run.proceed(ctx)
}

// dropStepConditions removes the conditions of the attempt that is over; those of the frame stay.
func (run *run) dropStepConditions() {
	frame := []string{
		run.texts.Start.Type, opsv1alpha1.ConditionDatabasePauseSucceeded, opsv1alpha1.ConditionMergedFromOps,
		opsv1alpha1.ConditionOriginalOpsSkipped,
	}
	status := run.status()
	status.Conditions = slices.DeleteFunc(status.Conditions, func(c sharedv1.Condition) bool {
		return !slices.Contains(frame, c.Type) && !strings.HasPrefix(c.Type, conditionTryFailed)
	})
}
