package kubeapi

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// Environment that replaces the in-cluster configuration, for an agent that runs outside of a pod.
const (
	EnvServer    = "MATRIARCH_API_SERVER"     // https://host:port
	EnvTokenFile = "MATRIARCH_API_TOKEN_FILE" // bearer token
	EnvCAFile    = "MATRIARCH_API_CA_FILE"    // certificate authority of the server
)

// callTimeout bounds one request other than a watch.
const callTimeout = 5 * time.Second

// Client talks to the API server about one namespace.
type Client struct {
	namespace string
	core      rest.Interface
	coord     rest.Interface
}

// Config returns how to reach the API server: as the pod's ServiceAccount, unless the environment says otherwise.
func Config() (*rest.Config, error) {
	server := os.Getenv(EnvServer)
	if server == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("find the API server of this pod: %w", err)
		}
		return config, nil
	}
	return &rest.Config{
		Host:            server,
		BearerTokenFile: os.Getenv(EnvTokenFile),
		TLSClientConfig: rest.TLSClientConfig{CAFile: os.Getenv(EnvCAFile)},
	}, nil
}

// New returns a client for one namespace.
func New(config *rest.Config, namespace string) (*Client, error) {
	config = rest.CopyConfig(config)
	config.UserAgent = "matriarch-agent"
	config.QPS, config.Burst = -1, -1 // a handful of objects; nothing here loops without a pause
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("set up the API client: %w", err)
	}
	core, err := restClient(config, httpClient, "/api", corev1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	coord, err := restClient(config, httpClient, "/apis", coordinationv1.SchemeGroupVersion)
	if err != nil {
		return nil, err
	}
	return &Client{namespace: namespace, core: core, coord: coord}, nil
}

func restClient(config *rest.Config, httpClient *http.Client, path string, gv schema.GroupVersion) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	// Only the kinds in use: registering all of corev1 would cost memory for nothing.
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Secret{}, &corev1.Pod{})
	scheme.AddKnownTypes(coordinationv1.SchemeGroupVersion, &coordinationv1.Lease{})
	metav1.AddToGroupVersion(scheme, gv)
	scheme.AddUnversionedTypes(schema.GroupVersion{Version: "v1"}, &metav1.Status{})

	config = rest.CopyConfig(config)
	config.APIPath = path
	config.GroupVersion = &gv
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("set up the API client for %s: %w", gv, err)
	}
	return client, nil
}

// Pod reads a pod.
func (c *Client) Pod(ctx context.Context, name string) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	err := c.core.Get().Namespace(c.namespace).Resource("pods").Name(name).Timeout(callTimeout).Do(ctx).Into(pod)
	if err != nil {
		return nil, fmt.Errorf("read pod %s/%s: %w", c.namespace, name, err)
	}
	return pod, nil
}

// Secret reads a Secret.
func (c *Client) Secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	err := c.core.Get().Namespace(c.namespace).Resource("secrets").Name(name).Timeout(callTimeout).Do(ctx).Into(secret)
	if err != nil {
		return nil, fmt.Errorf("read secret %s/%s: %w", c.namespace, name, err)
	}
	return secret, nil
}

// PatchPod sends a JSON merge patch for a pod.
func (c *Client) PatchPod(ctx context.Context, name string, patch []byte) error {
	err := c.core.Patch(types.MergePatchType).Namespace(c.namespace).Resource("pods").Name(name).
		Timeout(callTimeout).Body(patch).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("patch pod %s/%s: %w", c.namespace, name, err)
	}
	return nil
}

// Lease reads a Lease.
func (c *Client) Lease(ctx context.Context, name string) (*coordinationv1.Lease, error) {
	lease := &coordinationv1.Lease{}
	err := c.coord.Get().Namespace(c.namespace).Resource("leases").Name(name).Timeout(callTimeout).Do(ctx).Into(lease)
	if err != nil {
		return nil, fmt.Errorf("read lease %s/%s: %w", c.namespace, name, err)
	}
	return lease, nil
}

// UpdateLease writes a Lease if it is still the version that was read (its resourceVersion), and returns it as stored.
func (c *Client) UpdateLease(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	stored := &coordinationv1.Lease{}
	err := c.coord.Put().Namespace(c.namespace).Resource("leases").Name(lease.Name).
		Timeout(callTimeout).Body(lease).Do(ctx).Into(stored)
	if err != nil {
		return nil, fmt.Errorf("write lease %s/%s: %w", c.namespace, lease.Name, err)
	}
	return stored, nil
}
