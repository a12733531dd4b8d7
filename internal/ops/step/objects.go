package step

import (
	"context"
	"fmt"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
)

// UpdateObjects writes what the members start from: the Secret with the configuration files, and the PetSets.
//
//   - Precondition: the journal has the spec's parts before and after, and the hashes of the files before and after.
//   - Effect: the Secret holds the new files and, in the same write, the former ones beside them; agents begin to take
//     them. The PetSets have the new template; being OnDelete, they restart nothing by themselves.
//   - Writes: the Secret, then the PetSets, each over the object as it was read.
//   - Then: it waits until the PetSet controller has seen the templates, lest a pod that goes comes back from an old one.
//   - Twice: a Secret that holds the new files is left alone, and so is a PetSet that an apply would not change. A
//     Secret that holds neither the former nor the new files was changed by somebody else: the step fails rather than
//     guess.
type UpdateObjects struct{}

// Type implements Step.
func (UpdateObjects) Type(s *Scope) string { return s.Texts.Objects.Type }

// Next implements Step.
func (UpdateObjects) Next(ctx context.Context, s *Scope) Move {
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "render the new configuration", err)
	}
	if move, ready := s.filesInForce(ctx, rendered); !ready {
		return move
	}
	write, err := s.outdated(ctx, rendered.Desired)
	switch {
	case err != nil:
		return retry(err)
	case write != nil:
		return Move{Kind: Act, Text: "write the PetSet", Do: write}
	}
	return s.templateSeen(ctx, rendered.Desired)
}

// filesInForce makes sure that the Secret holds the operation's files; until it does, it returns the move to make.
func (s *Scope) filesInForce(ctx context.Context, rendered Rendered) (Move, bool) {
	if rendered.Desired.Config == nil {
		return Move{}, true
	}
	live, err := s.ConfigSecret(ctx)
	if err != nil {
		return retry(err), false
	}
	switch j := s.Journal(); report.HashFiles(live.Data) {
	case j.ConfigHash:
		return Move{}, true
	case j.FormerConfigHash:
		if rendered.Hash != j.ConfigHash {
			return fail(ReasonEdited, "what the configuration is made of (the Secret that the database or the request "+
				"names, or its backend) changed after the plan was made; look at it and ask again"), false
		}
		config := rendered.Desired.Config
		return Move{
			Kind: Act, Text: "write the configuration files",
			Do: s.writeFiles(live, config, config.Data, s.keep(live)),
		}, false
	}
	return fail(ReasonEdited, secretOf(live)+" was changed by somebody else during the operation; ask again"), false
}

// After returns the database with the spec that the operation brings.
func (s *Scope) After() (database.Instance, error) { return s.with(s.Journal().After, "after") }

// before returns the database with the spec that it had.
func (s *Scope) before() (database.Instance, error) { return s.with(s.Journal().Before, "before") }

// with returns a copy of the database whose changed parts of the spec are as given.
func (s *Scope) with(parts *Parts, when string) (database.Instance, error) {
	copied := s.Kind.New()
	if err := setParts(s.Database.Object(), copied.Object(), touched(s.Journal()), parts); err != nil {
		return nil, fmt.Errorf("work out the spec %s the operation: %w", when, err)
	}
	return copied, nil
}

// touched returns the names of the parts of the spec that the operation changes.
func touched(j *opsv1alpha1.Journal) []string { return PartNames(j.Before, j.After) }
