package main

import (
	"fmt"
	"maps"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/admission"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/kinds"
	"github.com/matriarchdb/matriarch/internal/kube"
	"github.com/matriarchdb/matriarch/internal/kube/certificate"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/ops"
	"github.com/matriarchdb/matriarch/internal/petset"
	"github.com/matriarchdb/matriarch/internal/provision"
)

// manager puts the chosen controllers together, for the API server that config reaches.
func (o *options) manager(config *rest.Config) (ctrl.Manager, error) {
	config.QPS, config.Burst = -1, 0 // the API server's own fairness is enough
	config.UserAgent = name + "/" + version
	config.WarningHandler = rest.NoWarnings{} // they are about the names that KubeDB chose, such as its finalizer
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	all := kinds.All(o.agentImage)
	byObject, err := cached(all)
	if err != nil {
		return nil, err
	}
	webhooks := &lateTLS{}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cache.Options{ByObject: byObject, DefaultTransform: cache.TransformStripManagedFields()},
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: provision.Uncached()}},
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:        o.healthAddress,
		LeaderElection:                o.leaderElection,
		LeaderElectionID:              o.lease(),
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		WebhookServer:                 webhook.NewServer(webhook.Options{Port: o.webhookPort, TLSOpts: webhooks.options()}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := o.addControllers(mgr, all); err != nil {
		return nil, err
	}
	return mgr, o.addServers(mgr, all, webhooks)
}

// newScheme knows the API groups that the controllers use, and no others: all that Kubernetes has would take more memory
// than the objects of twenty databases.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, rbacv1.AddToScheme, policyv1.AddToScheme, coordinationv1.AddToScheme,
		storagev1.AddToScheme, admissionregistrationv1.AddToScheme, eventsv1.AddToScheme, networkingv1.AddToScheme,
		monitoringv1.AddToScheme, certmanager.AddToScheme, petsetv1.AddToScheme, kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, opsv1alpha1.AddToScheme, catalogv1alpha1.AddToScheme, appcatalogv1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register API types: %w", err)
		}
	}
	return scheme, nil
}

// cached restricts the cache to what the controllers work with. Of pods, those that a PetSet made are what all of them
// need.
func cached(all []database.Kind) (map[client.Object]cache.ByObject, error) {
	byObject, err := provision.CacheByObject(all)
	if err != nil {
		return nil, fmt.Errorf("restrict the cache: %w", err)
	}
	maps.Copy(byObject, petset.CacheOptions())
	return byObject, nil
}

func (o *options) addControllers(mgr ctrl.Manager, all []database.Kind) error {
	if o.runs(petSet) {
		if err := petset.SetupWithManager(mgr, petset.Options{}); err != nil {
			return err
		}
	}
	applier := kube.NewApplier(mgr.GetClient(), naming.FieldOwner)
	if o.runs(opsManager) {
		if err := ops.SetupWithManager(mgr, all, ops.Options{Memory: applier}); err != nil {
			return err
		}
	}
	if !o.runs(provisioner) {
		return nil
	}
	direct, err := client.NewWithWatch(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
	})
	if err != nil {
		return fmt.Errorf("make a client for single watches: %w", err)
	}
	follower, err := kube.NewFollower(mgr.GetCache(), direct, provision.Coverage())
	if err != nil {
		return err
	}
	return provision.Setup(mgr, all, provision.Options{
		Follower: follower, Applier: applier,
		NetworkPolicies: o.networkPolicies, OperatorNamespace: o.namespace,
	})
}

// addServers adds health checks and webhooks.
func (o *options) addServers(mgr ctrl.Manager, all []database.Kind, late *lateTLS) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if !o.webhooks {
		return mgr.AddReadyzCheck("ping", healthz.Ping)
	}
	source, err := certificate.Setup(mgr, certificate.Options{
		Secret:  types.NamespacedName{Namespace: o.namespace, Name: certificateSecret},
		Service: name, Webhooks: name, MountDir: certificateDir,
	})
	if err != nil {
		return err
	}
	late.source = source
	err = admission.Setup(admission.Options{
		Server: mgr.GetWebhookServer(), Scheme: mgr.GetScheme(), Reader: mgr.GetAPIReader(), Kinds: all,
	})
	if err != nil {
		return fmt.Errorf("set up the webhooks: %w", err)
	}
	return mgr.AddReadyzCheck("webhooks", source.Ready)
}
