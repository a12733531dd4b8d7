// Package step holds the steps that operations are made of, each once. A step is one small type: it looks at the world
// as it is now and says the one thing to do next, as a Move. It never writes the request's status and never sees how
// the engine is scheduled.
//
// The engine carries out a Move in a fixed order: what the Move wants recorded is written to the status, and only if
// that write succeeded the side effect follows. The write carries the resource version of the status that the step saw,
// so it doubles as a fence: of two engines that decided on the same state only one acts. Side effects themselves carry
// preconditions (a UID, a resource version) taken before that write, so one that is late does nothing.
//
// A step may be killed anywhere. Whoever runs it next sees the world as it is then, and the step must lead from there to
// the same end: each type's comment says why.
package step

import (
	"context"
	"time"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// Step is one step of an operation.
type Step interface {
	// Type is the type of the condition that records the step; a step whose condition is True is not run again.
	Type(s *Scope) string
	// Next observes and decides. It reads only.
	Next(ctx context.Context, s *Scope) Move
}

// Kind is what a Move is. The set is closed.
type Kind int

// The kinds of moves.
const (
	// Retry: something could not be read or written just now; try again soon.
	Retry Kind = iota
	// Done: the step is over; its condition becomes True.
	Done
	// Skip: there is nothing to do and nothing to say.
	Skip
	// Record: nothing is done but to take note of something; the step goes on. It is written down with the next Act or Wait.
	Record
	// Act: record, then do.
	Act
	// Wait: nothing to do until something changes, or until the step's deadline.
	Wait
	// Fail: the step cannot succeed; what the operation did is to be undone.
	Fail
)

// Move is what a step wants done next.
type Move struct {
	Kind Kind
	// Text is what is being done or waited for, or why the step failed, in words for the user.
	Text string
	// Reason is the failure in one word (Fail).
	Reason string
	// On names the part of the step that the move belongs to, such as a pod. Each part has the step's timeout for
	// itself.
	On string
	// Notes are conditions of parts of the step. While the step waits they may be written a few seconds late: what the
	// step decides on must not depend on them, but on what it sees.
	Notes []Note
	// Record changes the request's status in memory before it is written (Record, Act, Done).
	Record func(*opsv1alpha1.OpsRequestStatus)
	// Do is the side effect (Act). It must be safe to repeat.
	Do func(context.Context) error
	// Until, when set, is when to look again even if nothing changed (Wait).
	Until time.Time
	// Err is what went wrong (Retry).
	Err error
}

// Note is a condition of a part of a step. A note that is True is never taken back.
type Note struct {
	Type    string
	Done    bool
	Reason  string
	Message string
}

// Blocked is the error of a side effect that somebody forbids for the time being, such as a PodDisruptionBudget. It is
// waited out until the step's deadline.
type Blocked struct{ Why string }

// Error implements error.
func (b *Blocked) Error() string { return b.Why }

func done() Move                    { return Move{Kind: Done} }
func skip() Move                    { return Move{Kind: Skip} }
func wait(text string) Move         { return Move{Kind: Wait, Text: text} }
func fail(reason, text string) Move { return Move{Kind: Fail, Reason: reason, Text: text} }
func retry(err error) Move          { return Move{Kind: Retry, Err: err} }

func record(change func(*opsv1alpha1.OpsRequestStatus)) Move {
	return Move{Kind: Record, Record: change}
}
