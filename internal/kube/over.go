package kube

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Over applies objects over live ones that were read before, and over nothing else: if the live object was changed,
// deleted, or made anew since, the write is refused as a conflict.
type Over struct {
	Client client.Client
	Owner  string
	// Memory, if there is one, belongs to an Applier of the same owner, which is spared applying once more what it
	// wants just so.
	Memory *Applier
	// DryRun asks what would become of the object and changes nothing.
	DryRun bool
}

// Apply applies obj over live and returns what the API server answers. The owner references of live are kept.
func (o Over) Apply(ctx context.Context, live, obj client.Object) (*unstructured.Unstructured, error) {
	u, err := configuration(o.Client.Scheme(), obj)
	if err != nil {
		return nil, err
	}
	u.SetOwnerReferences(live.GetOwnerReferences())
	desired, err := digest(u)
	if err != nil {
		return nil, err
	}
	u.SetUID(live.GetUID())
	u.SetResourceVersion(live.GetResourceVersion())
	return u, o.send(ctx, u, desired)
}

// Make applies an object that did not exist when it was looked for. It does not create it: what an apply made can lose a
// field by an apply, what a create made cannot.
func (o Over) Make(ctx context.Context, obj client.Object) error {
	u, err := configuration(o.Client.Scheme(), obj)
	if err != nil {
		return err
	}
	desired, err := digest(u)
	if err != nil {
		return err
	}
	return o.send(ctx, u, desired)
}

// send applies u, which becomes what came back, and has it remembered.
func (o Over) send(ctx context.Context, u *unstructured.Unstructured, desired string) error {
	opts := []client.ApplyOption{client.ForceOwnership, client.FieldOwner(o.Owner)}
	if o.DryRun {
		opts = append(opts, client.DryRunAll)
	}
	key := target{u.GroupVersionKind(), client.ObjectKeyFromObject(u)}
	if err := o.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), opts...); err != nil {
		return fmt.Errorf("apply %s %s: %w", key.Kind, key.NamespacedName, err)
	}
	if o.Memory == nil || o.DryRun {
		return nil
	}
	return o.Memory.remember(key, u, desired)
}
