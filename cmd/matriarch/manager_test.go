package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, opsv1alpha1.AddToScheme, catalogv1alpha1.AddToScheme,
		appcatalogv1alpha1.AddToScheme, monitoringv1.AddToScheme,
	}}))
}

// TestTheGeneratedRoleIsEnough runs the operator with no right but those of config/rbac, from the making of a Postgres
// to its end without a trace. It grants the agents' Role, so it also shows that the operator holds what it grants.
func TestTheGeneratedRoleIsEnough(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t, "pod-security.kubernetes.io/enforce", "restricted")
	env.Kubelet(ns).Serve(t)
	create(t, &petsetv1.PlacementPolicy{ObjectMeta: metav1.ObjectMeta{Name: naming.DefaultPlacement}})
	version := &catalogv1alpha1.PostgresVersion{ObjectMeta: metav1.ObjectMeta{Name: "15.18"}}
	version.Spec.Version, version.Spec.DB.Image, version.Spec.Exporter.Image, version.Spec.Coordinator.Image = "15.18", "db", "exporter", "none"
	version.Spec.PodSecurityPolicies.DatabasePolicyName = "none"
	create(t, version)
	run(t, restricted(t))

	pg := &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg"}}
	pg.Spec.Version, pg.Spec.DeletionPolicy = "15.18", sharedv1.DeletionPolicyWipeOut
	pg.Spec.Configuration = &kubedbv1.PostgresConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: "mine"}}
	pg.Spec.Storage = &corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "mine"}, Data: map[string][]byte{"user.conf": nil}})
	create(t, pg)
	find := func(ctx context.Context, o client.Object, name string) error {
		return env.Client.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, o)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		if err := find(ctx, pg, "pg"); err != nil {
			return err
		}
		for name, o := range map[string]client.Object{
			"pg-0": &corev1.Pod{}, "pg": &appcatalogv1alpha1.AppBinding{}, "data-pg-0": &corev1.PersistentVolumeClaim{},
			naming.PolicyInternal: &networkingv1.NetworkPolicy{},
		} {
			if err := find(ctx, o, name); err != nil {
				return fmt.Errorf("%w; the Postgres says %+v", err, pg.Status)
			}
		}
		return nil
	})
	isMeantByPolicies(t, ns, "pg-0")
	if err := env.Client.Delete(t.Context(), pg); err != nil {
		t.Fatal(err)
	}
	testenv.Eventually(t, func(ctx context.Context) error {
		env.Collect(t, ns)
		for name, o := range map[string]client.Object{
			"pg": &kubedbv1.Postgres{}, "pg-auth": &corev1.Secret{}, "pg-pods": &corev1.Service{}, "data-pg-0": &corev1.PersistentVolumeClaim{},
			naming.PolicyInternal: &networkingv1.NetworkPolicy{},
		} {
			if err := find(ctx, o, name); err == nil {
				return fmt.Errorf("%T %s is still there", o, name)
			} else if client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		return nil
	})
}

// isMeantByPolicies checks that the network policies select the pod, and that the port they name is one of its.
func isMeantByPolicies(t *testing.T, ns, pod string) {
	t.Helper()
	policy, member := &networkingv1.NetworkPolicy{}, &corev1.Pod{}
	for name, o := range map[string]client.Object{naming.PolicyInternal: policy, pod: member} {
		if err := env.Client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, o); err != nil {
			t.Fatal(err)
		}
	}
	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil || !selector.Matches(labels.Set(member.Labels)) {
		t.Errorf("the policy %v does not select the pod with the labels %v (%v)", policy.Spec.PodSelector, member.Labels, err)
	}
	named := slices.ContainsFunc(member.Spec.Containers, func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == naming.DatabasePortName })
	})
	if !named {
		t.Errorf("the pod has no port %s", naming.DatabasePortName)
	}
}

func TestTheManifestLabelsTheOperatorAsThePoliciesExpect(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "install", "operator.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range strings.Split(string(text), "\n---\n") {
		deployment := &appsv1.Deployment{}
		if err := yaml.Unmarshal([]byte(document), deployment); err != nil {
			t.Fatal(err)
		}
		if deployment.Kind == "Deployment" && deployment.Spec.Template.Labels[naming.LabelName] != naming.Operator {
			t.Errorf("the operator's pods have the labels %v", deployment.Spec.Template.Labels)
		}
	}
}

// restricted returns the configuration of somebody who has the generated ClusterRole and nothing else.
func restricted(t *testing.T) *rest.Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(text, role); err != nil {
		t.Fatal(err)
	}
	create(t, role)
	create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "operator"}},
	})
	config := rest.CopyConfig(env.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "operator"}
	return config
}

// run runs the operator until the test ends.
func run(t *testing.T, config *rest.Config) {
	t.Helper()
	o := defaults()
	o.agentImage, o.leaderElection, o.webhooks, o.metricsAddress, o.healthAddress = "agent:1", false, false, "0", "0"
	o.namespace, o.networkPolicies = "system", true
	mgr, err := o.manager(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := mgr.Start(ctx); err != nil {
			t.Errorf("run the operator: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := env.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("create %T %s: %v", o, o.GetName(), err)
	}
}
