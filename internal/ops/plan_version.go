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

// planUpdateVersion plans the move to another version of the catalog. The configuration is rendered anew for it.
func planUpdateVersion(ctx context.Context, s *step.Scope) (*planned, error) {
	candidate, err := updateTo(ctx, s)
	if err != nil {
		return nil, err
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
	present, err := s.Render(ctx, s.Database)
	if err != nil {
		return nil, err
	}
	var changes []database.ParameterChange
	var warnings []string
	if r, ok := database.AsReconfigurer(s.Kind); ok {
		problems := r.Check(rendered.Gathered)
		if err := problems.Err(); err != nil {
			return nil, &step.Refusal{Err: fmt.Errorf("the configuration does not fit version %s: %w", candidate.Spec().Version, err)}
		}
		for _, warning := range problems.Warnings() {
			warnings = append(warnings, warning.String())
		}
		changes = r.Compare(rendered.Gathered, step.Present(live.Data), step.Present(rendered.Desired.Config.Data))
	}
	p.formerHash, p.hash = report.HashFiles(live.Data), rendered.Hash
	p.formerImage = s.ServerImage(&present.Desired.PetSet.Spec.Template.Spec)
	p.image = s.ServerImage(&rendered.Desired.PetSet.Spec.Template.Spec)
	p.plan = planVersion(s, candidate.Spec().Version, changes)
	p.plan.Warnings = warnings
	return p, nil
}

// updateTo returns the database as it shall be, or a refusal.
func updateTo(ctx context.Context, s *step.Scope) (database.Instance, error) {
	updater, ok := database.AsUpdater(s.Kind)
	if !ok {
		return nil, &step.Refusal{Err: fmt.Errorf("the version of a %s cannot be changed by request", s.Kind.Info().Kind)}
	}
	section := s.Request.Base().UpdateVersion
	if section == nil || section.TargetVersion == "" {
		return nil, &step.Refusal{Err: errors.New("spec.updateVersion.targetVersion is missing")}
	}
	catalog, err := updater.Versions(ctx, s.Reader)
	if err != nil {
		return nil, err
	}
	if err := database.CheckUpdate(s.Database.Spec().Version, section.TargetVersion, catalog); err != nil {
		return nil, &step.Refusal{Err: err}
	}
	return database.WithVersion(s.Kind, s.Database, section.TargetVersion)
}

// planVersion is the plan of a change of version: every pod is replaced, and takes the changed parameters with it.
func planVersion(s *step.Scope, version string, changes []database.ParameterChange) *opsv1alpha1.Plan {
	plan := &opsv1alpha1.Plan{}
	for _, c := range changes {
		plan.Changes = append(plan.Changes, opsv1alpha1.PlannedChange{
			File: c.File, Parameter: c.Name, From: shown(c.Name, c.Old), To: shown(c.Name, c.New), Action: opsv1alpha1.ActionRestart,
		})
	}
	plan.Members = plannedMembers(step.Order(s.Members, step.PrimaryFirst(s.Members)), opsv1alpha1.ActionRestart, "to run version "+version)
	plan.Summary = fmt.Sprintf("version %s becomes %s; %s", s.Database.Spec().Version, version, summary(plan))
	return plan
}
