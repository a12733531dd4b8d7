package step

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// IntroduceClients makes the certificates known to clients before the servers speak TLS: one that asks for TLS as soon as
// there is some, and has nothing to check it with, could not connect.
//
//   - Precondition: the certificates are published.
//   - Effect: the AppBinding has what to trust and what to show; TLS may be used, and need not. The step waits until the
//     poolers in front that serve know it too.
//   - Writes: the AppBinding, over the one that was read. What becomes of it in the end the provisioner writes.
//   - Twice: an AppBinding that names authorities is left alone.
type IntroduceClients struct{}

// Type implements Step.
func (IntroduceClients) Type(*Scope) string { return TypeIntroduceClients }

// Next implements Step.
func (IntroduceClients) Next(ctx context.Context, s *Scope) Move {
	desired, live, tls, move := s.clients(ctx)
	switch {
	case move != nil:
		return *move
	case len(tls.Certificates) == 0 || len(desired.Spec.ClientConfig.CABundle) == 0:
		return skip()
	case len(live.Spec.ClientConfig.CABundle) == 0:
		told := live.DeepCopy()
		told.Spec.TLSSecret = desired.Spec.TLSSecret
		told.Spec.ClientConfig.CABundle = desired.Spec.ClientConfig.CABundle
		mayUseTLS(told)
		return s.whenPoolersAreFree(ctx, Move{Kind: Act, Text: "tell clients what to trust", Do: s.tell(live, told)})
	case len(tls.Unaware) > 0:
		return again(s, "the poolers to know whom to trust: "+strings.Join(tls.Unaware, ", "))
	}
	return done()
}

// ReleaseClients lets clients come without TLS, before the servers stop to speak it. The other way round nothing more is to
// be done: the AppBinding demands TLS when the provisioner has the database back, and by then the servers speak it.
//
//   - Precondition: none. A spec that keeps TLS has nobody to release.
//   - Effect: the AppBinding no longer has clients demand TLS, or check with whom they speak; those that have to show a
//     certificate still find theirs. The step waits until the poolers in front have followed.
//   - Writes: the AppBinding, over the one that was read. What becomes of it in the end the provisioner writes.
//   - Twice: an AppBinding that demands nothing is left alone.
type ReleaseClients struct{}

// Type implements Step.
func (ReleaseClients) Type(s *Scope) string { return TypeReleaseClients }

// Next implements Step.
func (ReleaseClients) Next(ctx context.Context, s *Scope) Move {
	_, live, tls, move := s.clients(ctx)
	switch {
	case move != nil:
		return *move
	case len(tls.Certificates) > 0:
		return skip()
	case demandsTLS(live):
		eased := live.DeepCopy()
		eased.Spec.ClientConfig.CABundle = nil
		mayUseTLS(eased)
		return s.whenPoolersAreFree(ctx, Move{Kind: Act, Text: "tell clients that they may come without TLS", Do: s.tell(live, eased)})
	case len(tls.Behind) > 0:
		return again(s, "the poolers to ask for TLS no more: "+strings.Join(tls.Behind, ", "))
	}
	return done()
}

// whenPoolersAreFree returns the move once no pooler in front is being operated on. Those that are not yet wait for this
// operation.
func (s *Scope) whenPoolersAreFree(ctx context.Context, move Move) Move {
	switch busy, err := s.poolersInOperation(ctx); {
	case err != nil:
		return retry(err)
	case len(busy) > 0:
		return again(s, "the operations on the poolers in front: "+strings.Join(busy, ", "))
	}
	return move
}

// clients returns the AppBinding as the operation brings it and as it is, and the certificates of the new spec; or the move
// to make instead: there may be nobody to tell.
func (s *Scope) clients(ctx context.Context) (desired, live *appcatalogv1alpha1.AppBinding, tls *database.TLS, move *Move) {
	instead := func(m Move) (*appcatalogv1alpha1.AppBinding, *appcatalogv1alpha1.AppBinding, *database.TLS, *Move) {
		return nil, nil, nil, &m
	}
	after, err := s.After()
	if err != nil {
		return instead(retry(err))
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return instead(refused(ReasonInvalid, "work out what clients are told", err))
	}
	desired, ok := rendered.Desired.AppBinding.(*appcatalogv1alpha1.AppBinding)
	if !ok || rendered.Desired.TLS == nil {
		return instead(skip())
	}
	live = &appcatalogv1alpha1.AppBinding{}
	key := client.ObjectKeyFromObject(desired)
	if err := s.Reader.Get(ctx, key, live); apierrors.IsNotFound(err) {
		return instead(skip())
	} else if err != nil {
		return instead(retry(fmt.Errorf("read AppBinding %s: %w", key, err)))
	}
	return desired, live, rendered.Desired.TLS, nil
}

// +kubebuilder:rbac:groups=appcatalog.appscode.com,resources=appbindings,verbs=get;patch

// tell returns a function that changes an AppBinding, whoever wrote it. Somebody else being quicker is no error: the step
// looks again.
func (s *Scope) tell(live, next *appcatalogv1alpha1.AppBinding) func(context.Context) error {
	return func(ctx context.Context) error {
		patch := client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{})
		err := s.Client.Patch(ctx, next, patch, client.FieldOwner(naming.FieldOwner))
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("change what AppBinding %s tells clients of TLS: %w", client.ObjectKeyFromObject(live), err)
		}
		return nil
	}
}

// mayUseTLS has clients use TLS where there is some, and go on without where there is none.
func mayUseTLS(binding *appcatalogv1alpha1.AppBinding) {
	if service := binding.Spec.ClientConfig.Service; service != nil {
		service.Query = "sslmode=prefer"
	}
}

// demandsTLS tells whether clients that do as an AppBinding says fail with a server that speaks no TLS.
func demandsTLS(binding *appcatalogv1alpha1.AppBinding) bool {
	config := binding.Spec.ClientConfig
	if config.Service == nil {
		return false
	}
	query, err := url.ParseQuery(config.Service.Query)
	return len(config.CABundle) > 0 || err == nil && backend.DemandsTLS(query.Get("sslmode"))
}
