package step

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// ReleaseClients lets clients come without TLS, before the servers stop to speak it. The other way round nothing is to be
// done: the AppBinding asks for TLS when the provisioner has the database back, and by then the servers speak it.
//
//   - Precondition: none. A spec that keeps TLS has nobody to release.
//   - Effect: the AppBinding no longer has clients demand TLS, or check with whom they speak; those that have to show a
//     certificate still find theirs. The step waits until the poolers in front have followed.
//   - Writes: the AppBinding, over the one that was read. What becomes of it in the end the provisioner writes.
//   - Twice: an AppBinding that demands nothing is left alone.
type ReleaseClients struct{}

// Type implements Step.
func (ReleaseClients) Type(*Scope) string { return TypeReleaseClients }

// Next implements Step.
func (ReleaseClients) Next(ctx context.Context, s *Scope) Move {
	after, err := s.After()
	if err != nil {
		return retry(err)
	}
	rendered, err := s.Render(ctx, after)
	if err != nil {
		return refused(ReasonInvalid, "work out what clients are told", err)
	}
	desired, ok := rendered.Desired.AppBinding.(*appcatalogv1alpha1.AppBinding)
	removed := rendered.Desired.TLS
	if !ok || removed == nil || len(removed.Certificates) > 0 {
		return skip()
	}
	live := &appcatalogv1alpha1.AppBinding{}
	key := client.ObjectKeyFromObject(desired)
	switch err := s.Reader.Get(ctx, key, live); {
	case apierrors.IsNotFound(err):
		return skip()
	case err != nil:
		return retry(fmt.Errorf("read AppBinding %s: %w", key, err))
	case demandsTLS(live):
		return Move{Kind: Act, Text: "tell clients that they may come without TLS", Do: s.ease(live)}
	case len(removed.Behind) > 0:
		return again(s, "the poolers to ask for TLS no more: "+strings.Join(removed.Behind, ", "))
	}
	return done()
}

// +kubebuilder:rbac:groups=appcatalog.appscode.com,resources=appbindings,verbs=get;patch

// ease returns a function that takes the demand for TLS out of an AppBinding, whoever put it there. Somebody else being
// quicker is no error: the step looks again.
func (s *Scope) ease(live *appcatalogv1alpha1.AppBinding) func(context.Context) error {
	eased := live.DeepCopy()
	eased.Spec.ClientConfig.CABundle = nil
	eased.Spec.ClientConfig.Service.Query = "sslmode=prefer"
	return func(ctx context.Context) error {
		patch := client.MergeFromWithOptions(live, client.MergeFromWithOptimisticLock{})
		err := s.Client.Patch(ctx, eased, patch, client.FieldOwner(naming.FieldOwner))
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("take the demand for TLS out of AppBinding %s: %w", client.ObjectKeyFromObject(live), err)
		}
		return nil
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
