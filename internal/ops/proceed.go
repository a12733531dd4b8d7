package ops

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// maxMoves bounds one pass, so that a step which does not see the effect of what it does cannot keep a worker busy.
const maxMoves = 100

// reasonNotRestored goes with the condition of an undo step that had to be given up.
const reasonNotRestored = "NotRestored"

// proceed takes the steps of a request that holds its database: observe, choose, write down, act, and again.
func (run *run) proceed(ctx context.Context) kube.Outcome {
	for range maxMoves {
		if err := run.observe(ctx); err != nil {
			return kube.Failed(err)
		}
		if run.gone() {
			return run.abandon(ctx)
		}
		next := run.next()
		if next == nil {
			return run.finish(ctx)
		}
		if run.request.GetDeletionTimestamp() != nil && !run.failed() {
			run.turnRound(ctx, next, step.ReasonCancelled, "the request was deleted while it was carried out", "")
			continue
		}
		if outcome, over := run.advance(ctx, next); over {
			return outcome
		}
	}
	return kube.Failed(fmt.Errorf("carry out %s: %d moves without an end; step %s", run.title(), maxMoves, run.journal().Step))
}

// next returns the first step that is not over, nil if all are.
func (run *run) next() step.Step {
	steps := run.recipe.steps
	if run.failed() {
		steps = run.recipe.undo
	}
	s := run.scope()
	for _, candidate := range steps {
		c := kube.FindCondition(run.status().Conditions, candidate.Type(s))
		over := c != nil && (c.Status == metav1.ConditionTrue || c.Reason == reasonNotRestored)
		if !over && !run.passedOver[candidate] {
			return candidate
		}
	}
	return nil
}

func (run *run) failed() bool { return run.journal().Failure != nil }

// advance makes the next move of a step. It returns true when the pass is over.
func (run *run) advance(ctx context.Context, next step.Step) (kube.Outcome, bool) {
	scope := run.scope()
	move := next.Next(ctx, scope)
	part := step.Part(next.Type(scope), move.On)
	run.note(move.Notes)
	switch move.Kind {
	case step.Skip:
		run.passedOver[next] = true
		return kube.Done(), false
	case step.Done:
		run.settle(next, move)
		return kube.Done(), false
	case step.Fail:
		run.turnRound(ctx, next, move.Reason, move.Text, move.On)
		return kube.Done(), false
	case step.Record:
		if move.Record != nil {
			move.Record(run.status())
		}
		return kube.Done(), false
	case step.Act:
		return run.act(ctx, next, part, move)
	case step.Wait:
		return run.await(ctx, next, part, move)
	case step.Retry:
	}
	if run.late(part) {
		run.turnRound(ctx, next, step.ReasonTimeout, fmt.Sprint(move.Err), move.On)
		return kube.Done(), false
	}
	run.enter(part) // so that trying has an end
	return kube.Failed(errors.Join(move.Err, run.persist(ctx))), true
}

// note sets the conditions of parts of a step.
func (run *run) note(notes []step.Note) {
	for _, n := range notes {
		run.set(database.Text{Type: n.Type, Reason: n.Reason, Message: n.Message}, n.Done)
	}
}

// settle ends a step.
func (run *run) settle(s step.Step, move step.Move) {
	if move.Record != nil {
		move.Record(run.status())
	}
	run.set(run.textOf(s), true)
	j := run.journal()
	j.Step, j.Attempt, j.Deadline, j.Waiting = "", 0, nil, ""
}

// textOf returns the words of a step's condition.
func (run *run) textOf(s step.Step) database.Text {
	t := s.Type(run.scope())
	for _, text := range []database.Text{run.texts.Certificates, run.texts.Objects, run.texts.Reload, run.texts.Restart, run.texts.Database} {
		if text.Type == t {
			return text
		}
	}
	return database.Text{Type: t, Reason: t, Message: stepMessages[t]}
}

var stepMessages = map[string]string{
	step.TypeIntroduceClients:     "Clients are told whom to trust",
	step.TypeReleaseClients:       "Clients are told that they may come without TLS",
	step.TypeProveCertificates:    "Every node shows the certificate that it was given",
	step.TypeRestoreCertificates:  "The former certificates are asked for again",
	step.TypeRestoreDatabase:      "The spec of the database is again what it was",
	step.TypeRestoreConfiguration: "The former configuration is written again",
	step.TypeRestorePods:          "The pods have the former state in force",
}

// enter notes which part of which step is under way, and returns whether it is new. A new one has its time from now on.
func (run *run) enter(part string) bool {
	j := run.journal()
	if j.Step == part && j.Deadline != nil {
		return false
	}
	deadline := metav1.NewTime(run.now.Add(run.timeout()).Truncate(time.Second))
	j.Step, j.Attempt, j.Deadline, j.Waiting = part, 0, &deadline, ""
	return true
}

func (run *run) late(part string) bool {
	j := run.journal()
	return j.Step == part && j.Deadline != nil && !run.now.Before(j.Deadline.Time)
}

// act writes down what is about to be done, and does it. The write happens every time, even if nothing but the count
// of attempts changes, because it is what keeps two engines from acting at once.
func (run *run) act(ctx context.Context, s step.Step, part string, move step.Move) (kube.Outcome, bool) {
	if run.late(part) {
		run.turnRound(ctx, s, step.ReasonTimeout, cmp.Or(run.journal().Waiting, move.Text), move.On)
		return kube.Done(), false
	}
	run.enter(part)
	j := run.journal()
	j.Attempt++
	if move.Record != nil {
		move.Record(run.status())
	}
	attempt := j.Attempt
	if err := run.persist(ctx); err != nil {
		return kube.Failed(err), true
	}
	err := move.Do(ctx)
	if b := (*step.Blocked)(nil); errors.As(err, &b) {
		run.journal().Waiting = b.Why
		if err := run.persist(ctx); err != nil {
			return kube.Failed(err), true
		}
		return kube.WaitUntil(backoff(attempt)), true
	}
	if err != nil {
		return kube.Failed(err), true
	}
	return kube.Done(), false
}

// backoff is how soon to try again what somebody forbids for the time being, and nothing tells when no more.
func backoff(attempt int32) time.Duration {
	return min(time.Second<<min(attempt-1, 3), 5*time.Second)
}

// tellEvery is how often, at most, what an operation waits for is worth a write of its own. A pod comes and goes in about
// that time, and the next move writes everything down anyway.
const tellEvery = 10 * time.Second

// await writes down what the step waits for: at once if the wait begins a new part, whose deadline must last, and
// otherwise when nothing was written for a while.
func (run *run) await(ctx context.Context, s step.Step, part string, move step.Move) (kube.Outcome, bool) {
	if run.late(part) {
		run.turnRound(ctx, s, step.ReasonTimeout, move.Text, move.On)
		return kube.Done(), false
	}
	entered := run.enter(part)
	run.journal().Waiting = move.Text
	until := run.journal().Deadline.Time
	if tell := run.r.wroteAt(run.request.GetUID()).Add(tellEvery); !entered && run.now.Before(tell) {
		if run.changed() && tell.Before(until) {
			until = tell
		}
	} else if err := run.persist(ctx); err != nil {
		return kube.Failed(err), true
	}
	if !move.Until.IsZero() && move.Until.Before(until) && move.Until.After(run.now) {
		until = move.Until
	}
	return kube.WaitUntil(max(until.Sub(run.now), time.Millisecond)), true
}

// gone tells whether the database that the operation works on is there no more, or about to go.
func (run *run) gone() bool {
	if run.database == nil {
		return true
	}
	obj := run.database.Object()
	return obj.GetDeletionTimestamp() != nil || obj.GetUID() != run.journal().DatabaseUID
}

// abandon ends a request whose database is gone. Nothing is undone: there is nothing left to be consistent, and nothing
// must come back.
func (run *run) abandon(ctx context.Context) kube.Outcome {
	return run.end(ctx, opsv1alpha1.OpsRequestPhaseFailed, database.Text{
		Type: opsv1alpha1.ConditionFailed, Reason: step.ReasonDatabaseGone,
		Message: fmt.Sprintf("%s %s was deleted during the operation; what was under way was left alone",
			run.r.info.Kind, run.databaseName()),
	})
}
