package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
)

// Scope is what a step sees: the request and its database as the API server holds them now.
type Scope struct {
	Kind     database.Kind
	Texts    database.OperationTexts
	Request  opsv1alpha1.OpsRequest
	Database database.Instance
	// Members are the pods of the database, ordered by ordinal.
	Members []database.Member
	// Client writes. Reader reads from the API server, not from a cache: what a step decides on is never older than
	// what the engine itself did.
	Client client.Client
	Reader client.Reader
	// Memory is the provisioner's, of what it applied; nil if nobody shares it.
	Memory *kube.Applier
	// Present asks a member for the certificate that it shows.
	Present func(ctx context.Context, host string, port int32) (tls.Presented, error)
	// Taken is the last spec that the API server was asked about.
	Taken *Taken
	// Timeout is how long a step may take.
	Timeout time.Duration
	Now     time.Time
}

// Taken is a change of a spec that the API server would take, and what it would make of it. It is good for one generation
// of the database.
type Taken struct {
	Generation    int64
	Asked, Stored *Parts
}

// Journal is the engine's memory; steps read it.
func (s *Scope) Journal() *opsv1alpha1.Journal { return s.Request.RequestStatus().Journal }

// Rendered is a spec turned into objects.
type Rendered struct {
	Gathered database.Gathered
	Desired  database.Desired
	// Hash identifies the configuration files, empty if there are none.
	Hash string
}

// Refusal is the error of a spec that cannot be used as it is, whatever happens: retrying it is pointless.
type Refusal struct{ Err error }

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what was wrong.
func (r *Refusal) Unwrap() error { return r.Err }

// Render gathers and builds what the instance asks for. in is not changed.
func (s *Scope) Render(ctx context.Context, in database.Instance) (Rendered, error) {
	in = in.DeepCopy()
	s.Kind.Default(in)
	gathered, err := s.Kind.Gather(ctx, s.Reader, in)
	if u := (*database.Unusable)(nil); errors.As(err, &u) {
		return Rendered{}, &Refusal{err}
	}
	if err != nil {
		return Rendered{}, err
	}
	desired, err := s.Kind.Build(gathered)
	if err != nil {
		return Rendered{}, &Refusal{err}
	}
	out := Rendered{Gathered: gathered, Desired: desired}
	if desired.Config != nil {
		out.Hash = report.HashFiles(desired.Config.Data)
	}
	return out, nil
}

// unusable tells whether an error of Render is about what was asked for, and not about asking.
func unusable(err error) bool {
	r, w := (*Refusal)(nil), (*database.Waiting)(nil)
	return errors.As(err, &r) || errors.As(err, &w)
}

// refused turns an error of Render into a move: what cannot be used fails the step, everything else is retried.
func refused(reason, attempted string, err error) Move {
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return fail(reason, fmt.Sprintf("%s: %v", attempted, r.Err))
	}
	if w := (*database.Waiting)(nil); errors.As(err, &w) {
		return wait(w.What)
	}
	return retry(fmt.Errorf("%s: %w", attempted, err))
}

// ConfigSecret reads the Secret with the configuration in force.
func (s *Scope) ConfigSecret(ctx context.Context) (*corev1.Secret, error) {
	db := s.Database.Object()
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: db.GetNamespace(), Name: naming.ConfigSecret(db.GetName(), string(db.GetUID()))}
	if err := s.Reader.Get(ctx, key, secret); err != nil {
		return nil, fmt.Errorf("read the configuration Secret %s: %w", key, err)
	}
	return secret, nil
}

// petSet reads the live PetSet of the given name.
func (s *Scope) petSet(ctx context.Context, key client.ObjectKey) (*petsetv1.PetSet, error) {
	set := &petsetv1.PetSet{}
	if err := s.Reader.Get(ctx, key, set); err != nil {
		return nil, fmt.Errorf("read PetSet %s: %w", key, err)
	}
	return set, nil
}

// reported is what a member's agent says. A report that cannot be read counts as none.
func reported(m database.Member) report.Report {
	r, err := report.Parse(m.Pod.Annotations)
	if err != nil {
		return report.Report{}
	}
	return r
}
