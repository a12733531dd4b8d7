package ops

import (
	"context"
	"errors"
	"fmt"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// planReconfigureTLS plans a change of certificates, and of the configuration that goes with it.
func planReconfigureTLS(ctx context.Context, s *step.Scope) (*planned, error) {
	change, candidate, err := changedTLS(s)
	if err != nil {
		return nil, &step.Refusal{Err: err}
	}
	p := &planned{}
	if p.before, p.after, err = storedParts(ctx, s, candidate); err != nil {
		return nil, err
	}
	live, err := s.ConfigSecret(ctx)
	if err != nil {
		return nil, notYet(err)
	}
	rendered, err := renderCandidate(ctx, s, candidate)
	if err != nil {
		return nil, err
	}
	if t := rendered.Desired.TLS; t != nil && t.Missing != "" {
		return nil, &step.Refusal{Err: errors.New(t.Missing)}
	}
	p.formerHash, p.hash = report.HashFiles(live.Data), rendered.Hash
	var changes []database.ParameterChange
	if r, ok := database.AsReconfigurer(s.Kind); ok {
		changes = r.Compare(rendered.Gathered, step.Present(live.Data), step.Present(rendered.Desired.Config.Data))
	}
	p.plan = planChanges(s, changes)
	if len(changes) == 0 {
		p.plan.Members = plannedMembers(s.Members, opsv1alpha1.ActionReload, "new certificates")
		p.plan.Summary = summary(p.plan)
	}
	p.plan.Warnings = warnPlain(ctx, s, candidate)
	if change.Rotate {
		return p, nil
	}
	return p, p.settle(s)
}

// changedTLS makes the change on a copy of the database.
func changedTLS(s *step.Scope) (database.TLSChange, database.Instance, error) {
	r, ok := database.AsTLSReconfigurer(s.Kind)
	if !ok {
		return database.TLSChange{}, nil, fmt.Errorf("the certificates of a %s cannot be changed by request", s.Kind.Info().Kind)
	}
	change, given := database.TLSChangeOf(s.Request)
	if !given {
		return change, nil, errors.New("spec.tls is missing")
	}
	candidate, err := r.ReconfigureTLS(s.Database, change)
	return change, candidate, err
}

// warnPlain says how many clients are connected without TLS when it is about to be demanded. Should the server not answer
// now, the plan says that.
func warnPlain(ctx context.Context, s *step.Scope, candidate database.Instance) []string {
	counter, ok := s.Kind.(database.PlainSessionCounter)
	demander, knows := s.Kind.(database.TLSDemander)
	if !ok || !knows || demander.DemandsTLS(s.Database) || !demander.DemandsTLS(candidate) {
		return nil
	}
	const then = "their sessions stay until they end, new ones without TLS are refused"
	present, err := s.Render(ctx, s.Database)
	if err != nil {
		return nil // the plan of the change itself stands; nothing can be asked
	}
	switch n, err := counter.PlainSessions(ctx, present.Gathered); {
	case err != nil:
		return []string{"clients without TLS may be connected (" + err.Error() + "); " + then}
	case n > 0:
		return []string{fmt.Sprintf("%s without TLS; %s", count(n, "client session"), then)}
	}
	return nil
}
