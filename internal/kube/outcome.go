package kube

import (
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Outcome says how a piece of work ended. The zero Outcome is Done.
type Outcome struct {
	after   time.Duration
	err     error
	stalled bool
}

// Done means that nothing is left to do until something changes.
func Done() Outcome { return Outcome{} }

// WaitUntil means that nothing is wrong and that the work shall be looked at again after d even if no watch fires
// before. Use it for deadlines and for what cannot be watched.
func WaitUntil(d time.Duration) Outcome { return Outcome{after: d} }

// Stalled means that the work cannot go on until a person changes something; it is not retried before.
func Stalled(err error) Outcome { return Outcome{err: err, stalled: true} }

// Failed means that an attempt failed and shall be repeated with growing delay.
func Failed(err error) Outcome { return Outcome{err: err} }

// OK tells whether the work ended without error.
func (o Outcome) OK() bool { return o.err == nil }

// Err returns the error of a stalled or failed piece of work.
func (o Outcome) Err() error { return o.err }

// Sooner returns the outcome that asks to be looked at first; an error goes before everything.
func (o Outcome) Sooner(other Outcome) Outcome {
	switch {
	case o.err != nil:
		return o
	case other.err != nil:
		return other
	case o.after == 0 || (other.after > 0 && other.after < o.after):
		return other
	}
	return o
}

// Result maps an Outcome to what controller-runtime understands. It is the only place that does.
func (o Outcome) Result() (reconcile.Result, error) {
	switch {
	case o.err != nil && o.stalled:
		return reconcile.Result{}, reconcile.TerminalError(o.err)
	case o.err != nil:
		return reconcile.Result{}, o.err
	}
	return reconcile.Result{RequeueAfter: o.after}, nil
}
