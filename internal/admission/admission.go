// Package admission answers the API server's webhooks: it fills defaults and refuses, as early as it can be known, what
// would fail later. What a kind accepts is the kind's own business; this package only carries requests there and back.
//
// The webhooks are a service to the user, not a guarantee: provisioner and ops engine apply the same rules to what they
// read, because an object may have been admitted while the webhook was away.
package admission

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/matriarchdb/matriarch/internal/database"
)

// Options are what the webhooks need.
type Options struct {
	// Server to register at.
	Server webhook.Server
	Scheme *runtime.Scheme
	// Reader reads catalog versions, storage classes and referenced objects from the API server itself: a decision
	// about an object that was created a moment ago must not come from a cache.
	Reader client.Reader
	Kinds  []database.Kind
}

// Setup registers the webhooks of all kinds and of their operation requests.
func Setup(o Options) error {
	for _, kind := range o.Kinds {
		gvk, err := apiutil.GVKForObject(kind.New().Object(), o.Scheme)
		if err != nil {
			return fmt.Errorf("register the webhooks of %s: %w", kind.Info().Kind, err)
		}
		db := databaseWebhook{kind: kind, reader: o.Reader, decoder: admission.NewDecoder(o.Scheme)}
		o.Server.Register(path("mutate", gvk), &webhook.Admission{Handler: admission.HandlerFunc(db.fillDefaults)})
		o.Server.Register(path("validate", gvk), &webhook.Admission{Handler: admission.HandlerFunc(db.validate)})
	}
	return setupRequests(o)
}

// path is where the API server finds the webhook: /validate-kubedb-com-v1-postgres.
func path(verb string, gvk schema.GroupVersionKind) string {
	return "/" + strings.Join([]string{
		verb, strings.ReplaceAll(gvk.Group, ".", "-"), gvk.Version, strings.ToLower(gvk.Kind),
	}, "-")
}

// sameSpec tells whether an update leaves the spec alone: it changes metadata, or removes a finalizer. Such an update
// is never refused, whatever has become of the catalog since the spec was admitted.
func sameSpec(before, after []byte) bool {
	var old, now struct {
		Spec any `json:"spec"`
	}
	if json.Unmarshal(before, &old) != nil || json.Unmarshal(after, &now) != nil {
		return false
	}
	return reflect.DeepEqual(old.Spec, now.Spec)
}

// undecodable is the answer to an object that does not fit its own type.
func undecodable(err error) admission.Response {
	return admission.Errored(http.StatusBadRequest, fmt.Errorf("read the object: %w", err))
}
