package provision

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

// peer is a pod, or with no namespace somebody outside the cluster.
type peer struct {
	namespace string
	labels    labels.Set
}

// TestWhomThePoliciesLetIn reads the policies as a network plugin does. That a plugin does so is beyond this test, and
// that of the local cluster does not: the bridge plugin enforces no policies.
func TestWhomThePoliciesLetIn(t *testing.T) {
	t.Parallel()
	const here, system = "shop", "matriarch-system"
	member := func(component string) labels.Set {
		return naming.Offshoot(nil, naming.NamePostgres, "pg", component)
	}
	postgres, pooler := member(naming.ComponentDatabase), member(naming.ComponentPooler)
	operator, other := labels.Set{naming.LabelName: naming.Operator}, labels.Set{"app": "shop"}
	backup := labels.Set{naming.LabelManagedBy: naming.BackupManagedBy}
	const agent = "agent" // a port that no rule names
	policies := networkPolicies(here, system)
	for what, c := range map[string]struct {
		to   labels.Set
		from peer
		port string
		want bool
	}{
		"a client of the namespace":                     {postgres, peer{here, other}, naming.DatabasePortName, true},
		"a client of the namespace, to a pooler":        {pooler, peer{here, other}, naming.DatabasePortName, true},
		"a backup of the namespace":                     {postgres, peer{here, backup}, naming.DatabasePortName, true},
		"a member to another one's sidecar":             {postgres, peer{here, postgres}, agent, true},
		"the operator":                                  {postgres, peer{system, operator}, naming.DatabasePortName, true},
		"the operator, to a pooler":                     {pooler, peer{system, operator}, naming.DatabasePortName, true},
		"somebody else in the operator's namespace":     {postgres, peer{system, other}, naming.DatabasePortName, false},
		"somebody who calls himself the operator":       {postgres, peer{"elsewhere", operator}, naming.DatabasePortName, false},
		"a client of another namespace":                 {postgres, peer{"elsewhere", other}, naming.DatabasePortName, false},
		"a pooler of another namespace":                 {postgres, peer{"elsewhere", pooler}, naming.DatabasePortName, true},
		"a remote replica of another namespace":         {postgres, peer{"elsewhere", postgres}, naming.DatabasePortName, true},
		"a pooler of another namespace, to another one": {postgres, peer{"elsewhere", pooler}, agent, false},
		"Prometheus":                      {postgres, peer{"monitoring", other}, naming.MetricsPortName, true},
		"somebody outside the cluster":    {postgres, peer{}, naming.DatabasePortName, false},
		"anybody, to what is no database": {other, peer{"elsewhere", other}, agent, true},
		"anybody, to a backup":            {backup, peer{"elsewhere", other}, agent, true},
	} {
		if got := letIn(t, policies, c.to, c.from, c.port); got != c.want {
			t.Errorf("%s: let in is %v, want %v", what, got, c.want)
		}
	}
	for what, from := range map[string]labels.Set{"a member": postgres, "a pooler": pooler, "a backup": backup} {
		if !letOut(t, policies, from) {
			t.Errorf("%s is not let out to anywhere", what)
		}
	}
}

// letIn tells whether a connection to a pod of the policies' namespace is allowed: a pod that no policy selects is open.
func letIn(t *testing.T, policies []*networkingv1.NetworkPolicy, to labels.Set, from peer, port string) bool {
	t.Helper()
	isolated := false
	for _, policy := range policies {
		if !slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress) || !matches(t, &policy.Spec.PodSelector, to) {
			continue
		}
		isolated = true
		for _, rule := range policy.Spec.Ingress {
			toPort := len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, func(p networkingv1.NetworkPolicyPort) bool {
				return *p.Protocol == corev1.ProtocolTCP && p.Port.StrVal == port
			})
			if toPort && slices.ContainsFunc(rule.From, func(p networkingv1.NetworkPolicyPeer) bool { return isPeer(t, policy.Namespace, p, from) }) {
				return true
			}
		}
	}
	return !isolated
}

func isPeer(t *testing.T, namespace string, p networkingv1.NetworkPolicyPeer, who peer) bool {
	t.Helper()
	if who.namespace == "" || p.IPBlock != nil {
		return false
	}
	if p.NamespaceSelector == nil && who.namespace != namespace {
		return false
	}
	return (p.NamespaceSelector == nil || matches(t, p.NamespaceSelector, labels.Set{corev1.LabelMetadataName: who.namespace})) &&
		(p.PodSelector == nil || matches(t, p.PodSelector, who.labels))
}

// letOut tells whether a pod is allowed to connect to anything.
func letOut(t *testing.T, policies []*networkingv1.NetworkPolicy, from labels.Set) bool {
	t.Helper()
	return slices.ContainsFunc(policies, func(p *networkingv1.NetworkPolicy) bool {
		return matches(t, &p.Spec.PodSelector, from) && slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return len(r.To) == 0 && len(r.Ports) == 0
		})
	})
}

func matches(t *testing.T, selector *metav1.LabelSelector, set labels.Set) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return s.Matches(set)
}

func policyNames() []string {
	return []string{naming.PolicyHealthCheck, naming.PolicyInternal, naming.PolicyBackup}
}

func TestTheInstancesOfANamespaceShareItsPoliciesUntilTheLastOneGoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.kind.answer("second", healthy)
	w.create()
	w.create(func(p *pgBouncer) { p.Name = "second" })
	owned := func(want ...string) {
		t.Helper()
		w.eventually(func() error {
			env.Collect(w, w.ns)
			for _, name := range policyNames() {
				policy := &networkingv1.NetworkPolicy{}
				if err := w.find(policy, name); err != nil {
					return err
				}
				var owners []string
				for _, ref := range policy.OwnerReferences {
					owners = append(owners, ref.Name)
				}
				slices.Sort(owners)
				if !slices.Equal(owners, want) {
					return fmt.Errorf("%s has the owners %v, want %v", name, owners, want)
				}
			}
			return nil
		})
	}
	owned("db", "second")
	second := &pgBouncer{}
	if err := errors.Join(w.find(second, "second"), env.Client.Delete(t.Context(), second)); err != nil {
		t.Fatal(err)
	}
	w.goes(&pgBouncer{}, "second")
	owned("db")
	w.delete()
	for _, name := range policyNames() {
		w.goes(&networkingv1.NetworkPolicy{}, name)
	}
}

func TestAPolicyThatSomebodyChangesOrDeletesComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create()
	w.becomes(sharedv1.PhaseReady)
	w.settles()
	policy := &networkingv1.NetworkPolicy{}
	w.exists(policy, naming.PolicyInternal)
	policy.Spec.Ingress = nil
	if err := env.Client.Update(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	w.exists(policy, naming.PolicyHealthCheck)
	if err := env.Client.Delete(t.Context(), policy.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() error {
		again := &networkingv1.NetworkPolicy{}
		if err := w.find(again, naming.PolicyHealthCheck); err != nil {
			return err
		}
		if again.UID == policy.UID {
			return errNotYet
		}
		if err := w.find(again, naming.PolicyInternal); err != nil {
			return err
		}
		if len(again.Spec.Ingress) == 0 {
			return errNotYet
		}
		return nil
	})
}

func TestPoliciesThatAreSwitchedOffGoAndThoseOfOthersStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create()
	w.exists(&networkingv1.NetworkPolicy{}, naming.PolicyBackup)
	w.policies = false
	w.restart(&testenv.Faults{})
	for _, name := range policyNames() {
		w.goes(&networkingv1.NetworkPolicy{}, name)
	}
	w.make(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: w.ns, Name: naming.PolicyInternal}})
	w.settles()
	w.touch(&corev1.Service{}, "db-pods", true)
	w.settles()
	w.exists(&networkingv1.NetworkPolicy{}, naming.PolicyInternal)
}
