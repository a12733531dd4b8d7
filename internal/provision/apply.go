package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// apply makes the objects of the instance what they shall be, in an order in which each finds what it refers to. One
// that cannot be applied does not keep the others from it.
func (r *Reconciler) apply(ctx context.Context, s *scope) (bool, kube.Outcome) {
	var errs []error
	for _, step := range []func(context.Context, *scope) error{
		r.applyNetworkPolicies, r.applyCertificates, r.applySupport, r.ensureLease, r.applySets, r.applyBindings, r.removeAbsent,
	} {
		errs = append(errs, step(ctx, s))
	}
	if err := errors.Join(errs...); err != nil {
		return false, kube.Failed(fmt.Errorf("apply the objects of %s: %w", s.title(), err))
	}
	return true, kube.Done()
}

// applySupport applies what the pods need to start.
func (r *Reconciler) applySupport(ctx context.Context, s *scope) error {
	d := s.desired
	var items []item
	items = append(items, item{obj(d.Governing), "governing service"})
	for _, svc := range d.Services {
		items = append(items, item{svc, "Service"})
	}
	items = append(items, item{obj(d.ServiceAccount), ""}, item{obj(d.Role), ""}, item{obj(d.RoleBinding), ""}, item{obj(d.Config), ""})
	for _, secret := range d.Secrets {
		items = append(items, item{secret, ""})
	}
	return r.applyAll(ctx, s, items)
}

// applyCertificates applies what the certificates need, where the cluster has cert-manager.
func (r *Reconciler) applyCertificates(ctx context.Context, s *scope) error {
	tls := s.desired.TLS
	if tls == nil {
		return nil
	}
	var errs []error
	for _, certificate := range tls.Certificates {
		known, err := r.cluster.knows(certificate)
		if err == nil && known {
			_, err = r.applyOne(ctx, s, item{certificate, ""})
		}
		errs = append(errs, err)
	}
	if tls.Published != nil {
		_, err := r.applyOne(ctx, s, item{tls.Published, ""})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// applySets applies the PetSets and what belongs to them.
func (r *Reconciler) applySets(ctx context.Context, s *scope) error {
	sets := s.desired.PetSets
	if s.desired.PetSet != nil {
		sets = append([]*petsetv1.PetSet{s.desired.PetSet}, sets...)
	}
	for _, set := range sets {
		applied, err := r.applyOne(ctx, s, item{set, "PetSet"})
		if err != nil {
			return err
		}
		if budget := s.desired.BudgetOf(set.Name); budget != nil {
			own(budget, petsetv1.GroupVersion.String(), petsetv1.PetSetKind, set.Name, applied)
			if _, err := r.applier.Apply(ctx, budget); err != nil {
				return err
			}
		}
	}
	return nil
}

// applyBindings applies what others find the instance by.
func (r *Reconciler) applyBindings(ctx context.Context, s *scope) error {
	if err := r.applyAll(ctx, s, []item{{s.desired.AppBinding, "appbinding"}}); err != nil {
		return err
	}
	for _, monitor := range s.desired.Monitors {
		known, err := r.cluster.knows(monitor)
		if err != nil {
			return err
		}
		if !known {
			continue // without the Prometheus operator there is nothing to tell
		}
		if _, err := r.applyOne(ctx, s, item{monitor, ""}); err != nil {
			return err
		}
	}
	return nil
}

// item is an object to apply and how events call it; events keep silent about an object without a noun.
type item struct {
	client.Object
	noun string
}

func (r *Reconciler) applyAll(ctx context.Context, s *scope, items []item) error {
	var errs []error
	for _, it := range items {
		if it.Object != nil {
			_, err := r.applyOne(ctx, s, it)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *Reconciler) applyOne(ctx context.Context, s *scope, it item) (kube.Applied, error) {
	if !s.persistent(it.Object) {
		r.ownByInstance(s, it.Object)
	}
	applied, err := r.applier.Apply(ctx, it.Object)
	if err == nil {
		r.tellApplied(s, it.noun, applied.Change)
	}
	return applied, err
}

// persistent tells whether an object outlives the instance. Such an object never gets an owner: with one, a deletion
// in the foreground would take it along before the finalizer could save it.
func (s *scope) persistent(o client.Object) bool {
	return slices.Contains(s.persistentSecrets(), o.GetName()) && isSecret(o)
}

func (r *Reconciler) ownByInstance(s *scope, o client.Object) {
	gvk, err := apiutil.GVKForObject(s.in.Object(), r.client.Scheme())
	if err != nil {
		panic(fmt.Sprintf("the scheme does not know the kind that is reconciled: %v", err))
	}
	own(o, gvk.GroupVersion().String(), gvk.Kind, s.Name(), kube.Applied{UID: s.Object.GetUID()})
}

func own(o client.Object, apiVersion, kind, name string, owner kube.Applied) {
	o.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: apiVersion, Kind: kind, Name: name, UID: owner.UID,
		Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
	}})
}

// ensureLease creates the Lease if it is missing. It is never changed afterwards, because its content belongs to the
// agents, and it is not watched, because they renew it every few seconds: it is looked up at most once per pass, and
// not at all while all members are well.
func (r *Reconciler) ensureLease(ctx context.Context, s *scope) error {
	if s.desired.Lease == nil || kube.ConditionTrue(s.in.Status().Conditions, conditionReplicaReady) {
		return nil
	}
	key := client.ObjectKeyFromObject(s.desired.Lease)
	err := r.fresh.Get(ctx, key, &coordinationv1.Lease{})
	if apierrors.IsNotFound(err) {
		err = r.client.Create(ctx, s.desired.Lease, client.FieldOwner(naming.FieldOwner))
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("provide Lease %s: %w", key, err)
	}
	return nil
}

// removeAbsent deletes what the spec no longer has a use for.
func (r *Reconciler) removeAbsent(ctx context.Context, s *scope) error {
	for _, o := range s.desired.Absent {
		if known, err := r.cluster.knows(o); err != nil {
			return err
		} else if !known {
			continue
		}
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return fmt.Errorf("read %T %s: %w", o, client.ObjectKeyFromObject(o), err)
		}
		if err := r.remove(ctx, s, o); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes an object of the instance: this very one, not a namesake that came after it.
func (r *Reconciler) remove(ctx context.Context, s *scope, o client.Object) error {
	if !s.Owns(o.GetLabels()) || o.GetDeletionTimestamp() != nil {
		return nil
	}
	err := r.client.Delete(ctx, o, client.Preconditions{UID: ptr.To(o.GetUID())},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete %T %s: %w", o, client.ObjectKeyFromObject(o), err)
	}
	return nil
}

// obj turns a nil pointer of a type into a nil interface.
func obj[T any, P interface {
	*T
	client.Object
}](p P) client.Object {
	if p == nil {
		return nil
	}
	return p
}
