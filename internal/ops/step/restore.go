package step

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
)

// RestoreDatabase undoes UpdateDatabase, should an operation fail or be cancelled after it.
//
//   - Precondition: none.
//   - Effect: the changed parts of the spec are what they were, unless somebody edited them since.
//   - Writes: the database's spec, at the resource version that was read.
//   - Twice: a spec that is what it was is left alone.
type RestoreDatabase struct{}

// Type implements Step.
func (RestoreDatabase) Type(*Scope) string { return TypeRestoreDatabase }

// Next implements Step.
func (RestoreDatabase) Next(_ context.Context, s *Scope) Move {
	j := s.Journal()
	at, err := s.specIs(j)
	if err != nil {
		return retry(err)
	}
	unchanged, err := Same(j.Before, j.After)
	if err != nil {
		return retry(err)
	}
	if at != after || unchanged {
		return skip()
	}
	target, err := s.before()
	if err != nil {
		return retry(err)
	}
	return Move{Kind: Act, Text: "restore the database's spec", Do: s.patchDatabase(target)}
}

// RestoreObjects undoes UpdateObjects.
//
//   - Precondition: the database's spec is what it was.
//   - Effect: the Secret holds the former files again and the PetSets have the former template.
//   - Writes: the Secret, then the PetSets, each over the object as it was read; before them the other Secrets that the
//     files need, if they lack something. The former files are rendered from the
//     former spec, because a server may need more to go back than the text it had: a reloading Pgpool keeps the value of
//     a line that is missing, so the line has to be there. The journal takes note of what they are. Only if they cannot
//     be rendered any more the Secret's own copy of the former text is used.
//   - Twice: what is as it was is left alone. If the Secret holds files that are neither the former nor the operation's,
//     somebody else decided about them since, and they stay.
type RestoreObjects struct{}

// Type implements Step.
func (RestoreObjects) Type(*Scope) string { return TypeRestoreConfiguration }

// Next implements Step.
func (RestoreObjects) Next(ctx context.Context, s *Scope) Move {
	before, err := s.before()
	if err != nil {
		return retry(err)
	}
	if s.Journal().ConfigHash != "" {
		if move, restored := s.formerFiles(ctx, before); !restored {
			return move
		}
	}
	rendered, err := s.Render(ctx, before)
	if unusable(err) {
		return fail(ReasonInvalid, "render the former PetSet: "+err.Error())
	}
	if err != nil {
		return retry(err)
	}
	write, err := s.outdated(ctx, rendered.Desired)
	switch {
	case err != nil:
		return retry(err)
	case write != nil:
		return Move{Kind: Act, Text: "restore the PetSet", Do: write}
	}
	return s.templateSeen(ctx, rendered.Desired)
}

// provided makes sure that the Secrets hold what files name that are about to be written; until they do, it returns the move
// to make. It may have come since the operation began, such as the authority of a Postgres that gained TLS, and the
// provisioner, which writes it otherwise, is paused.
func (s *Scope) provided(ctx context.Context, secrets []*corev1.Secret) (Move, bool) {
	for _, desired := range secrets {
		live := &corev1.Secret{}
		err := s.Reader.Get(ctx, client.ObjectKeyFromObject(desired), live)
		if client.IgnoreNotFound(err) != nil {
			return retry(fmt.Errorf("read %s: %w", secretOf(desired), err)), false
		}
		if err != nil || !maps.EqualFunc(live.Data, desired.Data, bytes.Equal) {
			return Move{Kind: Act, Text: "write what the files name", Do: s.provide(desired)}, false
		}
	}
	return Move{}, true
}

// formerFiles makes sure that the Secret holds the former files; until it does, it returns the move to make.
func (s *Scope) formerFiles(ctx context.Context, before database.Instance) (Move, bool) {
	live, err := s.ConfigSecret(ctx)
	if err != nil {
		return retry(err), false
	}
	j := s.Journal()
	if now := report.HashFiles(live.Data); now == j.FormerConfigHash || now != j.ConfigHash {
		return Move{}, true
	}
	files := Former(live.Data)
	rendered, err := s.Render(ctx, before)
	switch {
	case err == nil:
		files = rendered.Desired.Config.Data
		if move, ready := s.provided(ctx, rendered.Desired.Secrets); !ready {
			return move, false
		}
	case !unusable(err):
		return retry(err), false
	case report.HashFiles(files) != j.FormerConfigHash:
		return fail(ReasonInvalid, "render the former configuration: "+err.Error()), false
	}
	hash := report.HashFiles(files)
	return Move{
		Kind: Act, Text: "restore the former configuration files",
		Record: func(status *opsv1alpha1.OpsRequestStatus) { status.Journal.FormerConfigHash = hash },
		Do:     s.writeFiles(live, live, files, nil), // what is replaced did not work: nothing to fall back to
	}, false
}
