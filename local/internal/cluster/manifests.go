package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

//go:embed manifests/base.yaml
var baseManifest []byte

// manifest is an object as YAML, and the path under which the API server has it.
type manifest struct {
	path string
	body []byte
}

// collections are the paths of the kinds that the cluster's own manifests use.
var collections = map[string]string{
	"Namespace":                "/api/v1/namespaces/",
	"ClusterRoleBinding":       "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/",
	"CSIDriver":                "/apis/storage.k8s.io/v1/csidrivers/",
	"StorageClass":             "/apis/storage.k8s.io/v1/storageclasses/",
	"CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/",
}

var (
	separator  = regexp.MustCompile(`(?m)^---\s*$`)
	kindOf     = regexp.MustCompile(`(?m)^kind: *(\S+)\s*$`)
	metadataOf = regexp.MustCompile(`(?m)^metadata:\n(?:  .*\n)*?  name: *"?([^"\s]+)"?`)
)

// split takes a file of several objects apart. It reads no more of them than
// kind and name; the API server reads the rest.
func split(file []byte) ([]manifest, error) {
	var list []manifest
	for _, body := range separator.Split(string(file), -1) {
		kind, name := kindOf.FindStringSubmatch(body), metadataOf.FindStringSubmatch(body)
		if kind == nil && name == nil {
			continue // only comments
		}
		if kind == nil || name == nil || collections[kind[1]] == "" {
			return nil, fmt.Errorf("unexpected object in a manifest: %.80q", body)
		}
		list = append(list, manifest{path: collections[kind[1]] + name[1], body: []byte(body)})
	}
	return list, nil
}

// applyManifests brings the objects that belong to the cluster itself, and
// waits until cert-manager's types are served.
func (c *Cluster) applyManifests(ctx context.Context) error {
	begin := time.Now()
	crds, err := os.ReadFile(c.Program("cert-manager-crds.yaml"))
	if err != nil {
		return fmt.Errorf("read cert-manager's types: %w", err)
	}
	list, err := split(append(append([]byte{}, baseManifest...), crds...))
	if err != nil {
		return err
	}
	for _, each := range list {
		if err := c.apply(ctx, each); err != nil {
			return err
		}
	}
	if err := c.await(ctx, component.APIServer, c.typesServed); err != nil {
		return err
	}
	c.progress.done("manifests", "applied", begin)
	return nil
}

// typesServed checks that cert-manager's resources are there.
func (c *Cluster) typesServed(ctx context.Context) error {
	for _, resource := range []string{"cert-manager.io/v1/certificates", "acme.cert-manager.io/v1/orders"} {
		if err := c.object(ctx, "/apis/"+resource+"?limit=1", nil); err != nil {
			return err
		}
	}
	return nil
}

// apply makes an object be as its manifest says ("server-side apply").
func (c *Cluster) apply(ctx context.Context, m manifest) error {
	url := c.url("https", 6443, m.path) + "?fieldManager=matriarch-local&force=true"
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, url, bytes.NewReader(m.body))
	if err != nil {
		return fmt.Errorf("apply %s: %w", m.path, err)
	}
	request.Header.Set("Content-Type", "application/apply-patch+yaml")
	if err := c.do(request, "ca", "admin", nil); err != nil {
		return fmt.Errorf("apply %s: %w", m.path, err)
	}
	return nil
}
