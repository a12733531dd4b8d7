package ops

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/ops/step"
)

// planned is an operation worked out.
type planned struct {
	plan          *opsv1alpha1.Plan
	before, after *step.Parts
	// formerHash and hash identify the configuration files before and after; hash is empty if they are not concerned.
	formerHash, hash string
	// formerImage and image are those of the server, empty if the operation leaves it alone.
	formerImage, image string
	// ends says why the request ends here, without the database being touched.
	ends string
}

// plan works out what the request is going to do. It changes nothing. The error is a *step.Refusal if the request
// cannot be carried out as it is, and a *database.Waiting if something is missing that may come.
func (run *run) plan(ctx context.Context) (*planned, error) {
	if err := run.backendSettled(ctx); err != nil {
		return nil, err
	}
	p, err := run.recipe.plan(ctx, run.scope())
	if err != nil {
		return nil, err
	}
	if run.request.Base().DryRun {
		p.ends = "dry run: the plan is in status.plan, nothing was changed"
	}
	return p, nil
}

// planRestart plans the restart of every member.
func planRestart(_ context.Context, s *step.Scope) (*planned, error) {
	none, err := step.Select(s.Database.Object(), nil)
	if err != nil {
		return nil, err
	}
	members := step.Order(s.Members, step.PrimaryFirst(s.Members))
	plan := &opsv1alpha1.Plan{Members: plannedMembers(members, opsv1alpha1.ActionRestart, "the request asks for it")}
	plan.Summary = summary(plan)
	return &planned{plan: plan, before: none, after: none}, nil
}

// planReconfigure plans a change of the configuration.
func planReconfigure(ctx context.Context, s *step.Scope) (*planned, error) {
	r, ok := database.AsReconfigurer(s.Kind)
	request, isReconfigure := s.Request.(opsv1alpha1.ReconfigureRequest)
	if !ok || !isReconfigure {
		return nil, &step.Refusal{Err: fmt.Errorf("the configuration of a %s cannot be changed by request", s.Kind.Info().Kind)}
	}
	change, given := database.ConfigChangeOf(request)
	if !given {
		return nil, &step.Refusal{Err: errors.New("spec.configuration is missing")}
	}
	candidate, err := r.Reconfigure(s.Database, change)
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
	found := r.Check(rendered.Gathered).Asked()
	if err := found.Err(); err != nil {
		return nil, &step.Refusal{Err: err}
	}
	p.formerHash, p.hash = report.HashFiles(live.Data), rendered.Hash
	changes := r.Compare(rendered.Gathered, step.Present(live.Data), step.Present(rendered.Desired.Config.Data))
	p.plan = planChanges(s, changes)
	for _, warning := range found.Warnings() {
		p.plan.Warnings = append(p.plan.Warnings, warning.String())
	}
	return p, p.settle(s)
}

// settle notices that there is nothing to do.
func (p *planned) settle(s *step.Scope) error {
	same, err := step.Same(p.before, p.after)
	if err != nil {
		return err
	}
	if same && p.formerHash == p.hash && s.RestartMode() != opsv1alpha1.ReconfigureRestartTrue {
		p.ends = "nothing to do: the database already has this configuration"
		if waiting := s.Waiting(); waiting != "" {
			p.ends += "; " + waiting
		}
	}
	return nil
}

// renderCandidate renders the new spec. If something is missing that the present spec does not need either, the request
// asks for what does not exist.
func renderCandidate(ctx context.Context, s *step.Scope, candidate database.Instance) (step.Rendered, error) {
	rendered, err := s.Render(ctx, candidate)
	if err == nil && rendered.Desired.Config == nil {
		return rendered, &step.Refusal{Err: errors.New("the database has no configuration files")}
	}
	if w := (*database.Waiting)(nil); errors.As(err, &w) {
		if _, present := s.Render(ctx, s.Database); present == nil {
			return rendered, &step.Refusal{Err: errors.New(w.What)}
		}
	}
	return rendered, err
}

// notYet turns the absence of the configuration Secret into waiting: the database is still being provisioned.
func notYet(err error) error {
	if apierrors.IsNotFound(err) {
		return database.WaitFor("the database to be provisioned: it has no configuration Secret yet")
	}
	return err
}

// storedParts returns the parts of the spec that change, before and after, as the API server would store them. It also
// finds out, before anything happens, whether admission takes the new spec.
func storedParts(ctx context.Context, s *step.Scope, candidate database.Instance) (before, after *step.Parts, err error) {
	if before, after, err = step.Changed(s.Database.Object(), candidate.Object()); err != nil {
		return nil, nil, err
	}
	if same, err := step.Same(before, after); same || err != nil {
		return before, after, err
	}
	asked, generation := after, s.Database.Object().GetGeneration()
	if same, err := step.Same(asked, s.Taken.Asked); err == nil && same && generation == s.Taken.Generation {
		return before, s.Taken.Stored, nil // a plan is made twice, and in between hardly anything changes
	}
	names := step.PartNames(before, after)
	stored := candidate.DeepCopy().Object()
	patch := client.MergeFromWithOptions(s.Database.Object(), client.MergeFromWithOptimisticLock{})
	err = s.Client.Patch(ctx, stored, patch, client.DryRunAll)
	switch {
	case apierrors.IsInvalid(err), apierrors.IsForbidden(err), apierrors.IsBadRequest(err):
		return nil, nil, &step.Refusal{Err: fmt.Errorf("the database would not be valid any more: %w", err)}
	case err != nil:
		return nil, nil, fmt.Errorf("try the new spec of %s: %w", database.NameOf(s.Database), err)
	}
	if after, err = step.Select(stored, names); err != nil {
		return nil, nil, err
	}
	*s.Taken = step.Taken{Generation: generation, Asked: asked, Stored: after}
	return before, after, nil
}

// planChanges is the plan of a change of configuration.
func planChanges(s *step.Scope, changes []database.ParameterChange) *opsv1alpha1.Plan {
	plan := &opsv1alpha1.Plan{}
	mode := s.RestartMode()
	first, twice := database.RestartOrder(changes)
	members := step.Order(s.Members, first)
	var restarts []string
	for _, c := range changes {
		action := opsv1alpha1.ActionReload
		if c.Restart {
			action = opsv1alpha1.ActionRestart
			if mode == opsv1alpha1.ReconfigureRestartFalse {
				action = opsv1alpha1.ActionLeavePending
			}
			restarts = append(restarts, c.Name)
		}
		plan.Changes = append(plan.Changes, opsv1alpha1.PlannedChange{
			File: c.File, Parameter: c.Name, From: shown(c.Name, c.Old), To: shown(c.Name, c.New), Action: action,
		})
	}
	if twice != "" && mode != opsv1alpha1.ReconfigureRestartFalse && len(s.Members) > 1 {
		plan.Warnings = append(plan.Warnings, twice)
	}
	switch {
	case mode == opsv1alpha1.ReconfigureRestartTrue:
		plan.Members = plannedMembers(members, opsv1alpha1.ActionRestart, "the request asks for it")
	case mode == opsv1alpha1.ReconfigureRestartFalse && len(restarts) > 0:
		plan.Members = plannedMembers(members, opsv1alpha1.ActionLeavePending,
			strings.Join(restarts, ", ")+" would need a restart, which the request forbids")
	case len(restarts) > 0:
		plan.Members = plannedMembers(members, opsv1alpha1.ActionRestart, strings.Join(restarts, ", ")+" needs a restart")
	case len(changes) > 0:
		plan.Members = plannedMembers(members, opsv1alpha1.ActionReload, "a reload is enough")
	}
	plan.Summary = summary(plan)
	return plan
}

func plannedMembers(members []database.Member, action opsv1alpha1.PlannedAction, why string) []opsv1alpha1.PlannedMember {
	planned := make([]opsv1alpha1.PlannedMember, 0, len(members))
	for _, m := range members {
		planned = append(planned, opsv1alpha1.PlannedMember{Name: m.Pod.Name, Role: m.Role, Action: action, Reason: why})
	}
	return planned
}

// summary puts a plan into one sentence.
func summary(plan *opsv1alpha1.Plan) string {
	does := "nothing happens to the pods"
	if len(plan.Members) > 0 {
		n := count(len(plan.Members), "pod")
		switch plan.Members[0].Action {
		case opsv1alpha1.ActionRestart:
			does = n + " restarted one after the other"
		case opsv1alpha1.ActionReload:
			does = n + " reloaded, none restarted"
		case opsv1alpha1.ActionLeavePending:
			does = n + " reloaded; what needs a restart waits for one"
		case opsv1alpha1.ActionNone:
		}
	}
	if len(plan.Changes) == 0 {
		return does
	}
	return count(len(plan.Changes), "parameter") + " changed; " + does
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shown is a parameter's value as the status may show it: a password is nobody's business.
func shown(name, value string) string {
	for _, mark := range []string{"password", "passwd", "passphrase", "secret", "authkey"} {
		if value != "" && (strings.Contains(strings.ToLower(name), mark) || strings.Contains(strings.ToLower(value), mark)) {
			return "(not shown)"
		}
	}
	return value
}
