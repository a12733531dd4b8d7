package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Over applies objects over live ones that were read before, and over nothing else: it creates nothing, and if the live
// object was changed, deleted, or made anew since, the write is refused as a conflict.
type Over struct {
	Client client.Client
	Owner  string
	// DryRun asks what would become of the object and changes nothing.
	DryRun bool
}

// Apply applies obj over live and returns what the API server answers. The owner references of live are kept.
func (o Over) Apply(ctx context.Context, live, obj client.Object) (*unstructured.Unstructured, error) {
	u, err := configuration(o.Client.Scheme(), obj)
	if err != nil {
		return nil, err
	}
	u.SetUID(live.GetUID())
	u.SetResourceVersion(live.GetResourceVersion())
	u.SetOwnerReferences(live.GetOwnerReferences())
	opts := []client.ApplyOption{client.ForceOwnership, client.FieldOwner(o.Owner)}
	if o.DryRun {
		opts = append(opts, client.DryRunAll)
	}
	if err := o.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), opts...); err != nil {
		return nil, fmt.Errorf("apply %s %s: %w", u.GetKind(), client.ObjectKeyFromObject(obj), err)
	}
	return u, nil
}
