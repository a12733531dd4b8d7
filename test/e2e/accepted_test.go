//go:build e2e

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// manifest is what one has to know of a file of the guides.
type manifest struct {
	file     string
	Kind     string
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Type        string
		DatabaseRef struct{ Name string }
	}
}

// built are the types of operations that requests can ask for.
var built = []string{"Reconfigure", "ReconfigureTLS", "UpdateVersion", "Restart"}

// manifests reads every manifest of the scene's folder.
func (s *scene) manifests() []manifest {
	s.t.Helper()
	var all []manifest
	err := filepath.WalkDir(s.folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		one := manifest{}
		if one.file, err = filepath.Rel(s.folder, path); err != nil {
			return err
		}
		if err := yaml.Unmarshal(content, &one); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	})
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%d manifests in %s: %v", len(all), s.folder, err)
	}
	return all
}

// withoutExporter is why a manifest that asks for metrics is refused where the cluster's catalog has no exporter for the
// version, as the local one has none for Pgpool: Debian packages none.
const withoutExporter = "names no exporter image"

// accepts checks that the API server accepts every manifest, but for requests of types that are not built yet, which it
// refuses by name.
func (s *scene) accepts() {
	s.t.Helper()
	pool := namespace{t: s.t, name: "pool"}
	if pool.own() {
		s.atEnd(func() { s.tryAs("", "delete", "namespace", pool.name, "--wait=false") })
	}
	s.offersStorage("linode-block-storage")
	s.tuned("pg-ha-tuning", "postgres/configuration/pg-tuning.yaml")
	all := s.manifests()
	for _, one := range all {
		if strings.HasSuffix(one.Kind, "OpsRequest") {
			s.judges(one, all)
			continue
		}
		if out, err := run("", "apply", "--dry-run=server", "-f", filepath.Join(s.folder, one.file)); err != nil && !strings.Contains(out, withoutExporter) {
			s.t.Errorf("%s is refused: %s", one.file, out)
		}
	}
}

// judges has a request judged with its database there.
func (s *scene) judges(one manifest, all []manifest) {
	s.t.Helper()
	database := strings.TrimSuffix(one.Kind, "OpsRequest")
	object := strings.ToLower(database) + "/" + one.Spec.DatabaseRef.Name
	if s.field(object, ".metadata.name") == "" {
		at := slices.IndexFunc(all, func(m manifest) bool {
			return m.Kind == database && m.Metadata.Name == one.Spec.DatabaseRef.Name && m.Metadata.Namespace == s.name
		})
		if at < 0 {
			s.t.Errorf("%s: no manifest makes %s", one.file, object)
			return
		}
		s.applyFiles([]string{all[at].file})
		defer s.leave(object)
	}
	out, err := run("", "apply", "--dry-run=server", "-f", filepath.Join(s.folder, one.file))
	switch isBuilt := slices.Contains(built, one.Spec.Type); {
	case isBuilt && err != nil && !strings.Contains(out, "has this version already"):
		s.t.Errorf("%s is refused: %s", one.file, out)
	case !isBuilt && (err == nil || !strings.Contains(out, "spec.type") || !strings.Contains(out, one.Spec.Type)):
		s.t.Errorf("%s, of type %s, should be refused by its type: %s", one.file, one.Spec.Type, out)
	}
}

// tuned applies a Postgres that may ask for more than the cluster has, and checks what its servers would be configured
// with: the values of pgtune for a web application on 2 CPUs, 2 GiB and SSD with 200 connections.
func (s *scene) tuned(postgres, file string) {
	s.t.Helper()
	s.applyFiles([]string{file})
	defer s.leave("postgres/" + postgres)
	uid := s.field("postgres/"+postgres, ".metadata.uid")
	secret := postgres + "-" + uid[len(uid)-6:]
	s.eventually("Secret "+secret+" holds the tuned configuration", func() string {
		text := s.try("get", "secret", secret, "-o", "go-template={{range .data}}{{base64decode .}}\n{{end}}")
		for _, line := range []string{
			"max_connections = 200", "shared_buffers = 512MB", "effective_cache_size = 1536MB", "maintenance_work_mem = 128MB",
			"checkpoint_completion_target = 0.9", "wal_buffers = 16MB", "default_statistics_target = 100", "random_page_cost = 1.1",
			"effective_io_concurrency = 200", "min_wal_size = 1GB", "max_wal_size = 4GB",
		} {
			if !strings.Contains(strings.ReplaceAll(text, "'", ""), line) {
				return line + " is not in it:\n" + text
			}
		}
		return ""
	})
}
