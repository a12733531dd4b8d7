package step

import (
	"context"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// UpdateDatabase makes the database's spec say what is in force.
//
//   - Precondition: the members have what was asked for in force; it is checked here once more, because afterwards the
//     request counts as carried out.
//   - Effect: the changed parts of the spec are those that the operation brings. What they render to is what the Secret
//     holds, so the provisioner finds nothing to do once the database is resumed.
//   - Writes: the database's spec, at the resource version that was read, and only its changed parts.
//   - Twice: a spec that says it already is left alone. A spec that says neither that nor what it said before was edited
//     by somebody during the operation: the step fails, and the edit stands.
type UpdateDatabase struct{}

// Type implements Step.
func (UpdateDatabase) Type(s *Scope) string { return s.Texts.Database.Type }

// Next implements Step.
func (UpdateDatabase) Next(ctx context.Context, s *Scope) Move {
	j := s.Journal()
	switch at, err := s.specIs(j); {
	case err != nil:
		return retry(err)
	case at == after:
		return done()
	case at == edited:
		return fail(ReasonEdited, "the database's spec was edited during the operation; look at the edit and ask again")
	}
	move, ready := s.verified(ctx)
	if !ready {
		return move
	}
	target, err := s.After()
	if err != nil {
		return retry(err)
	}
	return Move{Kind: Act, Text: "update the database's spec", Do: s.patchDatabase(target)}
}

// place is where the changed parts of the spec stand.
type place int

const (
	before place = iota
	after
	edited
)

func (s *Scope) specIs(j *opsv1alpha1.Journal) (place, error) {
	now, err := Select(s.Database.Object(), touched(j))
	if err != nil {
		return edited, err
	}
	if same, err := Same(now, j.After); same || err != nil {
		return after, err
	}
	if same, err := Same(now, j.Before); same || err != nil {
		return before, err
	}
	return edited, nil
}

// verified makes sure that what the spec is about to say is in force everywhere.
func (s *Scope) verified(ctx context.Context) (Move, bool) {
	hash := s.Journal().ConfigHash
	if hash == "" {
		return Move{}, true
	}
	if words, refused := s.refusedBy(s.concerned()); refused {
		return fail(ReasonRejected, words), false
	}
	for _, m := range s.Members {
		if image := s.Journal().Image; image != "" && s.imageOf(m) != image {
			return fail(ReasonEdited, fmt.Sprintf("pod %s has the image %s and not %s: somebody else made it during the operation",
				m.Pod.Name, s.imageOf(m), image)), false
		}
	}
	after, err := s.After()
	if err != nil {
		return retry(err), false
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "render the new configuration", err), false
	}
	if rendered.Hash != hash {
		return fail(ReasonEdited, "what the configuration is made of changed during the operation, so the files that were "+
			"tried are not the ones that would follow; ask again"), false
	}
	if move, ready := s.filesInForce(ctx, rendered); !ready {
		return move, false
	}
	if late := s.notAccepted(hash); len(late) > 0 {
		return wait("the new configuration to be in force in " + strings.Join(late, ", ")), false
	}
	if s.RestartMode() != opsv1alpha1.ReconfigureRestartFalse {
		for pod, names := range s.pendingRestart() {
			return wait(fmt.Sprintf("%s to take effect in pod %s", strings.Join(names, ", "), pod)), false
		}
	}
	return Move{}, true
}

// +kubebuilder:rbac:groups=kubedb.com,resources=postgreses;pgpools;pgbouncers,verbs=get;list;watch;patch

// patchDatabase writes the spec of target over the database as it was read.
func (s *Scope) patchDatabase(target database.Instance) func(context.Context) error {
	from := s.Database.DeepCopy().Object()
	return func(ctx context.Context) error {
		patch := client.MergeFromWithOptions(from, client.MergeFromWithOptimisticLock{})
		if err := s.Client.Patch(ctx, target.Object(), patch); err != nil {
			return fmt.Errorf("update the spec of %s: %w", client.ObjectKeyFromObject(from), err)
		}
		return nil
	}
}
