package provision

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/matriarchdb/matriarch/internal/naming"
)

// networkPolicies are what a namespace with databases gets when network policies are switched on. They are additive, as
// all policies: whoever else shall reach a database, or a backup, is let in by a policy of the user's own.
//
//   - The health check lets the operator's pods in.
//   - The internal one lets in the pods of the same namespace, on the port of the database poolers and remote replicas of
//     other namespaces, and on the port of the exporter everybody; and it lets members and agents out to anywhere: to each
//     other, to name servers, to the API server, to servers outside the cluster.
//   - The backup one lets KubeStash's pods out, which Matriarch neither makes nor needs.
func networkPolicies(namespace, operator string) []*networkingv1.NetworkPolicy {
	members := metav1.LabelSelector{
		MatchLabels: map[string]string{naming.LabelManagedBy: naming.ManagedBy},
		MatchExpressions: []metav1.LabelSelectorRequirement{{
			Key: naming.LabelComponent, Operator: metav1.LabelSelectorOpIn, Values: []string{naming.ComponentDatabase, naming.ComponentPooler},
		}},
	}
	everywhere := &metav1.LabelSelector{}
	policy := func(name string, of metav1.LabelSelector, types ...networkingv1.PolicyType) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{naming.LabelManagedBy: naming.ManagedBy}},
			Spec:       networkingv1.NetworkPolicySpec{PodSelector: of, PolicyTypes: types},
		}
	}

	health := policy(naming.PolicyHealthCheck, members, networkingv1.PolicyTypeIngress)
	health.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: operator}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{naming.LabelName: naming.Operator}},
	}}}}

	internal := policy(naming.PolicyInternal, members, networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress)
	internal.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{
		{From: []networkingv1.NetworkPolicyPeer{{PodSelector: everywhere}}},
		{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: everywhere, PodSelector: &members}}, Ports: tcp(naming.DatabasePortName)},
		{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: everywhere}}, Ports: tcp(naming.MetricsPortName)},
	}
	internal.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}

	backup := policy(naming.PolicyBackup, metav1.LabelSelector{MatchLabels: map[string]string{naming.LabelManagedBy: naming.BackupManagedBy}},
		networkingv1.PolicyTypeEgress)
	backup.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	return []*networkingv1.NetworkPolicy{health, internal, backup}
}

// tcp names a port of the containers, whatever its number is.
func tcp(port string) []networkingv1.NetworkPolicyPort {
	return []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To(intstr.FromString(port))}}
}

// applyNetworkPolicies makes the policies of the instance's namespace what they shall be: present where they are switched
// on, else absent. The instances of a namespace share them, and each is an owner: the garbage collector deletes them
// with the last one.
func (r *Reconciler) applyNetworkPolicies(ctx context.Context, s *scope) error {
	for _, want := range networkPolicies(s.Namespace(), r.operatorNamespace) {
		step := r.sharePolicy
		if !r.networkPolicies {
			step = r.removePolicy
		}
		if err := step(ctx, s, want); err != nil {
			return fmt.Errorf("network policy %s: %w", client.ObjectKeyFromObject(want), err)
		}
	}
	return nil
}

// sharePolicy makes the policy, or brings it up to date with the instance among its owners. It is not applied server-side:
// that would replace the owners whom other instances added under the same name.
func (r *Reconciler) sharePolicy(ctx context.Context, s *scope, want *networkingv1.NetworkPolicy) error {
	live, key := &networkingv1.NetworkPolicy{}, client.ObjectKeyFromObject(want)
	err := r.client.Get(ctx, key, live)
	if apierrors.IsNotFound(err) {
		r.addOwner(s, want)
		if err = r.client.Create(ctx, want, client.FieldOwner(naming.FieldOwner)); apierrors.IsAlreadyExists(err) {
			err = r.fresh.Get(ctx, key, live) // one without our label, or the cache lags behind
		} else {
			return err
		}
	}
	if err != nil {
		return err
	}
	before := live.DeepCopy()
	r.addOwner(s, live)
	metav1.SetMetaDataLabel(&live.ObjectMeta, naming.LabelManagedBy, naming.ManagedBy)
	live.Spec = want.Spec
	if equality.Semantic.DeepEqual(before, live) {
		return nil
	}
	return r.client.Update(ctx, live, client.FieldOwner(naming.FieldOwner))
}

// addOwner puts the instance among the owners, unless it is one.
func (r *Reconciler) addOwner(s *scope, o client.Object) {
	refs := o.GetOwnerReferences()
	if slices.ContainsFunc(refs, func(ref metav1.OwnerReference) bool { return ref.UID == s.Object.GetUID() }) {
		return
	}
	r.ownByInstance(s, o)
	mine := o.GetOwnerReferences()[0]
	mine.Controller, mine.BlockOwnerDeletion = nil, nil
	o.SetOwnerReferences(append(refs, mine))
}

// removePolicy deletes a policy that was made while policies were switched on.
func (r *Reconciler) removePolicy(ctx context.Context, _ *scope, policy *networkingv1.NetworkPolicy) error {
	if err := r.client.Get(ctx, client.ObjectKeyFromObject(policy), policy); err != nil {
		return client.IgnoreNotFound(err)
	}
	err := r.client.Delete(ctx, policy, client.Preconditions{UID: ptr.To(policy.UID)})
	if apierrors.IsConflict(err) {
		return nil // a namesake that came after it
	}
	return client.IgnoreNotFound(err)
}
