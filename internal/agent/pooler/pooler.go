package pooler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/health"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
)

// Server is a pooler's process. Its methods are called one at a time.
type Server interface {
	apply.Server
	// Version is what the binary says of itself, such as 4.3.5.
	Version() string
	// Start starts the process over the files in place and returns once it accepts connections. It returns an
	// *apply.Refusal when the process ended instead.
	Start(ctx context.Context) error
	// Exited is closed when the process started last is dead.
	Exited() <-chan struct{}
	// LastWords are the last lines that the process printed.
	LastWords() string
	// Port is where the process started last accepts clients over TCP; 0 for none.
	Port() int
	// Leave makes the process end as soon as its clients allow, at the latest when ctx ends. No new client is
	// expected any more. It returns how many client sessions it ended that their clients had not; an error means that
	// the number is not known.
	Leave(ctx context.Context) (cut int, err error)
}

// Pooler runs a Server.
type Pooler struct {
	Server  Server
	Applier *apply.Applier
	Report  *apply.Reporter
	Health  *health.State
	// Changed has an element when the Secrets may hold something new.
	Changed <-chan struct{}
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
}

const (
	retryFirst = 100 * time.Millisecond
	retryMax   = 30 * time.Second
)

// Run serves until ctx ends, then drains.
func (p *Pooler) Run(ctx context.Context) {
	p.Report.Update(func(r *report.Report) { r.ServerVersion = p.Server.Version() })
	backoff := supervise.Backoff{First: retryFirst, Max: retryMax}
	for ctx.Err() == nil {
		began := time.Now()
		problem := p.serve(ctx)
		if ctx.Err() != nil {
			break
		}
		if !errors.Is(problem, apply.ErrNothingYet) {
			slog.Warn("the server does not serve", "error", problem)
			p.Report.Problem(problem.Error())
		}
		p.Health.SetReady(false, problem.Error())
		p.pause(ctx, backoff.After(time.Since(began)))
	}
	p.drain()
}

// pause waits until something changes or, at the latest, so long.
func (p *Pooler) pause(ctx context.Context, longest time.Duration) {
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-p.Changed:
	case <-timer.C:
	}
}

// serve starts the process and keeps its files current until it dies or ctx ends; it says why it came to an end.
func (p *Pooler) serve(ctx context.Context) error {
	if err := p.Applier.Start(ctx, p.Server.Start); err != nil {
		return err
	}
	p.Health.SetReady(true, "")
	slog.Info("the server accepts connections", "version", p.Server.Version())
	var retry <-chan time.Time
	backoff := supervise.Backoff{First: retryFirst, Max: retryMax}
	for {
		if err := p.Applier.Sync(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("cannot bring a change into the server, will try again", "error", err)
			retry = time.After(backoff.After(0))
		} else {
			backoff.Reset()
			retry = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.Server.Exited():
			return fmt.Errorf("the server ended by itself: %s", p.Server.LastWords())
		case <-p.Changed:
		case <-retry:
		}
	}
}

// reserve is kept of the grace period for the last report and the exit.
const reserve = 5 * time.Second

// drain lets the clients go: not ready at once, serve on until no new client has come for a while (those that route
// to this pod learn about it one after another), then ask the process to leave.
func (p *Pooler) drain() {
	p.Health.Drain("the pod is ending")
	ctx, cancel := context.WithTimeout(context.Background(), max(p.Grace-reserve, time.Second))
	defer cancel()
	select {
	case <-p.Server.Exited():
		return
	default:
	}
	slog.Info("draining", "within", p.Grace-reserve)
	waitForQuiet(ctx, p.Server)
	cut, err := p.Server.Leave(ctx)
	slog.Info("the server has ended", "sessionsCut", cut)
	if err != nil {
		slog.Warn("cannot tell how many sessions were cut", "error", err)
		return
	}
	p.Report.Update(func(r *report.Report) { r.SessionsCut = &cut })
}
