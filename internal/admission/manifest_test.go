package admission_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/admission"
	"github.com/matriarchdb/matriarch/internal/kinds"
)

// manifest is what tells the API server of a cluster about the webhooks.
const manifest = "../../config/install/webhooks.yaml"

// recorder notes the paths that are registered at a webhook server.
type recorder struct {
	webhook.Server
	paths []string
}

func (r *recorder) Register(path string, _ http.Handler) { r.paths = append(r.paths, path) }

func TestTheInstalledManifestNamesExactlyTheWebhooksThatThereAre(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, opsv1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	served := &recorder{}
	if err := admission.Setup(admission.Options{Server: served, Scheme: scheme, Kinds: kinds.All("")}); err != nil {
		t.Fatal(err)
	}
	installed := installedPaths(t)
	slices.Sort(served.paths)
	slices.Sort(installed)
	if !slices.Equal(served.paths, installed) {
		t.Errorf("served:\n%s\ninstalled:\n%s", strings.Join(served.paths, "\n"), strings.Join(installed, "\n"))
	}
}

// installedPaths reads the paths of the manifest, and checks that each is called for the resource that it names.
func installedPaths(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	note := func(c admissionregistrationv1.WebhookClientConfig, rules []admissionregistrationv1.RuleWithOperations) {
		path := *c.Service.Path
		paths = append(paths, path)
		for _, rule := range rules {
			named := fmt.Sprintf("-%s-%s-", strings.ReplaceAll(rule.APIGroups[0], ".", "-"), rule.APIVersions[0])
			before, kind, found := strings.Cut(path, named)
			if !found || !strings.HasPrefix(rule.Resources[0], kind) || before != "/mutate" && before != "/validate" {
				t.Errorf("%s is called for %v of %v/%v", path, rule.Resources, rule.APIGroups, rule.APIVersions)
			}
		}
	}
	documents := utilyaml.NewYAMLToJSONDecoder(bytes.NewReader(text))
	var mutating admissionregistrationv1.MutatingWebhookConfiguration
	var validating admissionregistrationv1.ValidatingWebhookConfiguration
	if err := documents.Decode(&mutating); err != nil {
		t.Fatal(err)
	}
	if err := documents.Decode(&validating); err != nil {
		t.Fatal(err)
	}
	for _, w := range mutating.Webhooks {
		note(w.ClientConfig, w.Rules)
	}
	for _, w := range validating.Webhooks {
		note(w.ClientConfig, w.Rules)
	}
	return paths
}
