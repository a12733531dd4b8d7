// Package backend reads the PostgreSQL behind a pooler from its AppBinding: one that Matriarch runs, or one that
// somebody wrote by hand for a server elsewhere.
package backend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Server is a PostgreSQL as a pooler sees it.
type Server struct {
	// Namespace and Name of the AppBinding, which for a Postgres of Matriarch's are those of the Postgres.
	Namespace, Name string
	// Version of the server; empty when the AppBinding does not say.
	Version string
	Host    string
	Port    int32
	// StandbyHost is the Service of the standbys; empty when there is none.
	StandbyHost string
	// ReadReplicas are the Services of groups of read replicas, by the group's name; nil when there are none.
	ReadReplicas map[string]string
	// Standbys is how many there are behind StandbyHost, as far as that is known; otherwise 0.
	Standbys int32
	// Managed tells that the AppBinding is that of a Postgres object, whose TLS may come and go.
	Managed bool
	// SSLMode as libpq knows it; empty when the AppBinding does not say.
	SSLMode string
	// CA are PEM certificates to check the server's with; always there when SSLMode asks for a check.
	CA []byte
	// Certificate and Key, in PEM, are the client's certificate and its key; empty when the AppBinding has none.
	Certificate, Key []byte
	// Admin is the user of the AppBinding's Secret.
	Admin User
}

// User is somebody who can log in.
type User struct{ Name, Password string }

// Read reads the AppBinding and its Secret. Whatever is missing is a *database.Waiting error: the pooler comes up by
// itself when it appears. field is the path in the pooler's spec that named the AppBinding, for the message.
func Read(ctx context.Context, r client.Reader, ref types.NamespacedName, field string) (Server, error) {
	var binding appcatalogv1alpha1.AppBinding
	if err := r.Get(ctx, ref, &binding); apierrors.IsNotFound(err) {
		return Server{}, database.WaitFor("AppBinding %s: not found; create it, or correct %s", ref, field)
	} else if err != nil {
		return Server{}, fmt.Errorf("read AppBinding %s: %w", ref, err)
	}
	server := Server{
		Namespace: ref.Namespace, Name: ref.Name, Version: binding.Spec.Version, Managed: managed(binding),
	}
	if err := server.address(binding.Spec.ClientConfig); err != nil {
		return Server{}, database.WaitFor("AppBinding %s: %v", ref, err)
	}
	if err := server.trust(binding.Spec.ClientConfig); err != nil {
		return Server{}, database.WaitFor("AppBinding %s: %v", ref, err)
	}
	if err := server.follow(ctx, r, binding); err != nil {
		return Server{}, err
	}
	err := server.identify(ctx, r, binding)
	if err != nil {
		return Server{}, err
	}
	if server.Admin, err = credentials(ctx, r, binding); err != nil {
		return Server{}, err
	}
	if service := binding.Spec.ClientConfig.Service; service != nil {
		primary := serviceName(ref.Namespace, service)
		if server.StandbyHost, err = standbys(ctx, r, primary); err != nil {
			return Server{}, err
		}
		if server.ReadReplicas, err = readReplicas(ctx, r, primary); err != nil {
			return Server{}, err
		}
	}
	if server.StandbyHost != "" {
		if server.Standbys, err = numberOfStandbys(ctx, r, ref); err != nil {
			return Server{}, err
		}
	}
	return server, nil
}

// address takes host, port and sslmode from the Service or the URL.
func (s *Server) address(config appcatalogv1alpha1.ClientConfig) error {
	query := ""
	switch {
	case config.Service != nil:
		s.Host, query = hostOf(serviceName(s.Namespace, config.Service)), config.Service.Query
		s.Port = cmp.Or(config.Service.Port, naming.PostgresPort)
	case config.URL != nil:
		parsed, err := url.Parse(*config.URL)
		if err != nil {
			return fmt.Errorf("spec.clientConfig.url does not parse: %w", withoutURL(err)) // which may hold a password
		}
		port, err := strconv.ParseUint(cmp.Or(parsed.Port(), strconv.Itoa(naming.PostgresPort)), 10, 16)
		if err != nil || port == 0 || parsed.Hostname() == "" {
			return fmt.Errorf("spec.clientConfig.url %q needs a host, and a port if it is not %d", parsed.Redacted(), naming.PostgresPort)
		}
		s.Host, s.Port, query = parsed.Hostname(), int32(port), parsed.RawQuery
	default:
		return errors.New("spec.clientConfig needs service or url")
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("the query %q of spec.clientConfig does not parse: %w", query, err)
	}
	s.SSLMode = values.Get("sslmode")
	return nil
}

func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

func serviceName(namespace string, service *appcatalogv1alpha1.ServiceReference) types.NamespacedName {
	if service.Namespace != "" {
		namespace = service.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: service.Name}
}

// hostOf is the name under which a Service is reached from any namespace. No Service has a dot or a colon in its name:
// where one is given as the Service it is the address of a server elsewhere, as KubeDB's guides write it.
func hostOf(service types.NamespacedName) string {
	if strings.ContainsAny(service.Name, ".:") {
		return service.Name
	}
	return service.Name + "." + service.Namespace + ".svc"
}

// standbys returns the host of the standbys' Service, empty when it does not exist.
func standbys(ctx context.Context, r client.Reader, primary types.NamespacedName) (string, error) {
	name := types.NamespacedName{Namespace: primary.Namespace, Name: naming.StandbyService(primary.Name)}
	var service corev1.Service
	if err := r.Get(ctx, name, &service); apierrors.IsNotFound(err) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("read Service %s: %w", name, err)
	}
	return hostOf(name), nil
}

// readReplicas finds the Services of the groups of read replicas by their labels.
func readReplicas(ctx context.Context, r client.Reader, primary types.NamespacedName) (map[string]string, error) {
	var services corev1.ServiceList
	within := []client.ListOption{client.InNamespace(primary.Namespace), client.MatchingLabels(naming.Selector(naming.NamePostgres, primary.Name))}
	if err := r.List(ctx, &services, within...); err != nil {
		return nil, fmt.Errorf("list the Services of Postgres %s: %w", primary, err)
	}
	var groups map[string]string
	for _, service := range services.Items {
		group := service.Labels[naming.LabelReadReplica]
		if group == "" || service.DeletionTimestamp != nil {
			continue
		}
		if groups == nil {
			groups = map[string]string{}
		}
		groups[group] = hostOf(client.ObjectKeyFromObject(&service))
	}
	return groups, nil
}

// numberOfStandbys reads it from the Postgres of the AppBinding's name, if Matriarch runs that one.
func numberOfStandbys(ctx context.Context, r client.Reader, name types.NamespacedName) (int32, error) {
	var pg kubedbv1.Postgres
	if err := r.Get(ctx, name, &pg); apierrors.IsNotFound(err) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("read Postgres %s: %w", name, err)
	}
	return max(ptr.Deref(pg.Spec.Replicas, 1)-1, 0), nil
}
