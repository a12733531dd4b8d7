package catalog

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/images/internal/recipe"
)

// local and public hold the catalogs by kind.
func catalogs() (local, public map[string][]object) {
	return map[string][]object{"postgres": localPostgres(), "pgpool": localPgpool(), "pgbouncer": localPgBouncer()},
		map[string][]object{"postgres": publicPostgres(), "pgpool": publicPgpool(), "pgbouncer": publicPgBouncer()}
}

func named(objects []object, name string) *object {
	for i := range objects {
		if objects[i].Metadata.Name == name {
			return &objects[i]
		}
	}
	return nil
}

func (o object) image() string {
	for _, i := range []*image{o.Spec.DB, o.Spec.Pgpool, o.Spec.PgBouncer} {
		if i != nil {
			return i.Image
		}
	}
	return ""
}

func TestTheCommittedFilesAreTheGeneratedOnes(t *testing.T) {
	t.Parallel()
	const dir = "../../../config/catalog"
	want, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	committed := map[string]bool{}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		committed[name] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(committed)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("committed are %v; run make generate", got)
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s differs from what is generated (%v); run make generate", name, err)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for _, catalog := range []map[string][]object{local, public} {
		for kind, objects := range catalog {
			seen := map[string]bool{}
			for _, o := range objects {
				if seen[o.Metadata.Name] {
					t.Errorf("%s %s is there twice", kind, o.Metadata.Name)
				}
				seen[o.Metadata.Name] = true
			}
		}
	}
}

func TestEveryLocalVersionIsAnImageThatIsBuilt(t *testing.T) {
	t.Parallel()
	built := map[string]recipe.Recipe{}
	for _, r := range recipe.All() {
		built[r.Ref()] = r
	}
	local, _ := catalogs()
	for kind, objects := range local {
		for _, o := range objects {
			r, ok := built[o.image()]
			if !ok {
				t.Errorf("%s %s names the image %q, which is not built", kind, o.Metadata.Name, o.image())
				continue
			}
			if o.Spec.Version != r.Version || o.Spec.SecurityContext.RunAsUser != r.User.UID {
				t.Errorf("%s %s says version %s and user %d, the image is version %s and user %d",
					kind, o.Metadata.Name, o.Spec.Version, o.Spec.SecurityContext.RunAsUser, r.Version, r.User.UID)
			}
			if _, ok := built[exporterImage(o)]; !ok && kind != "pgpool" {
				t.Errorf("%s %s names the exporter %q, which is not built", kind, o.Metadata.Name, exporterImage(o))
			}
		}
	}
}

func exporterImage(o object) string {
	if o.Spec.Exporter == nil {
		return ""
	}
	return o.Spec.Exporter.Image
}

func TestAStandInSaysSoAndATrueNameDoesNot(t *testing.T) {
	t.Parallel()
	local, _ := catalogs()
	for kind, objects := range local {
		for _, o := range objects {
			note := o.Metadata.Annotations[annotationStandIn]
			if isTrue := o.Metadata.Name == o.Spec.Version; isTrue != (note == "") {
				t.Errorf("%s %s runs %s and is annotated %q", kind, o.Metadata.Name, o.Spec.Version, note)
			}
			if note != "" && !strings.Contains(note, o.Spec.Version) {
				t.Errorf("%s %s: the note %q does not say what runs", kind, o.Metadata.Name, note)
			}
		}
	}
}

func TestNoOtherMajorVersionOfPostgreSQLStandsIn(t *testing.T) {
	t.Parallel()
	for _, o := range localPostgres() {
		if recipe.Major(o.Metadata.Name) != recipe.Major(o.Spec.Version) {
			t.Errorf("%s runs %s", o.Metadata.Name, o.Spec.Version)
		}
	}
}

func TestGuidesFindTheirVersions(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for _, catalog := range []map[string][]object{local, public} {
		for kind, names := range map[string][]string{
			"postgres": {"13.13", "17.4", "18.3"}, "pgpool": {"4.5.3", "4.6.0"}, "pgbouncer": {"1.17.0", "1.18.0", "1.23.1", "1.24.0"},
		} {
			for _, name := range names {
				if o := named(catalog[kind], name); o == nil || o.Spec.Deprecated {
					t.Errorf("%s %s cannot be used: %+v", kind, name, o)
				}
			}
		}
	}
}

func TestUpdatesOfTheGuidesChangeTheServer(t *testing.T) {
	t.Parallel()
	local, _ := catalogs()
	for _, c := range []struct{ kind, from, to string }{
		{"pgpool", "4.5.3", "4.6.0"}, {"pgbouncer", "1.23.1", "1.24.0"}, {"postgres", "15.5", "15.17"}, {"postgres", "15.18", "15.20"},
	} {
		from, to := named(local[c.kind], c.from), named(local[c.kind], c.to)
		if from == nil || to == nil || from.image() == to.image() {
			t.Errorf("an update of %s from %s to %s changes nothing", c.kind, c.from, c.to)
		}
	}
}

func TestEveryKindHasALocalVersionThatIsDeprecated(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for kind, objects := range local {
		if !slices.ContainsFunc(objects, func(o object) bool { return o.Spec.Deprecated }) {
			t.Errorf("no %s is deprecated", kind)
		}
	}
	for kind, objects := range public {
		if slices.ContainsFunc(objects, func(o object) bool { return o.Spec.Deprecated }) {
			t.Errorf("a public %s is deprecated", kind)
		}
	}
}

func TestUnmaintainedLinesAreEndOfLife(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for _, c := range []struct {
		objects []object
		name    string
		want    bool
	}{
		{local["postgres"], "13.16", true}, {local["postgres"], "15.18", false}, {local["pgpool"], "4.1.4", true}, {local["pgpool"], "4.3.5", false},
		{public["postgres"], "13.13", true}, {public["postgres"], "14.22-bookworm", true}, {public["postgres"], "18.3", false}, {public["pgpool"], "4.6.0", false},
	} {
		if o := named(c.objects, c.name); o == nil || o.Spec.EndOfLife != c.want {
			t.Errorf("%s: %+v, want end of life %v", c.name, o, c.want)
		}
	}
}

func TestPublicPostgresHasTheUserOfItsBase(t *testing.T) {
	t.Parallel()
	for _, o := range publicPostgres() {
		want, suffix := 70, "-alpine"
		if o.Spec.DB.BaseOS == "bookworm" {
			want, suffix = 999, "-bookworm"
		}
		if o.Spec.SecurityContext.RunAsUser != want || o.image() != "docker.io/library/postgres:"+o.Spec.Version+suffix {
			t.Errorf("%s is %s as %d", o.Metadata.Name, o.image(), o.Spec.SecurityContext.RunAsUser)
		}
	}
}

func TestEveryVersionCanBeUpdatedToItselfAndNewer(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for _, catalog := range []map[string][]object{local, public} {
		for kind, objects := range catalog {
			for _, o := range objects {
				if want := []string{">= " + o.Spec.Version}; !slices.Equal(o.Spec.UpdateConstraints.Allowlist, want) {
					t.Errorf("%s %s allows %v", kind, o.Metadata.Name, o.Spec.UpdateConstraints.Allowlist)
				}
			}
		}
	}
}

func TestAnObjectIsWrittenWithWhatItsSchemaRequires(t *testing.T) {
	t.Parallel()
	e := entry{name: "15.5", version: "15.18", image: "i:1", uid: 100, exporter: "e:1", gitSyncer: "g:1", standIn: true}
	got, err := render([]object{e.postgres("PostgreSQL", "bookworm")})
	if err != nil {
		t.Fatal(err)
	}
	want := header + `---
apiVersion: catalog.kubedb.com/v1alpha1
kind: PostgresVersion
metadata:
  annotations:
    matriarch.dev/stand-in: on a local cluster, version 15.18 runs under the name
      15.5
  name: "15.5"
spec:
  coordinator:
    image: ""
  db:
    baseOS: bookworm
    image: i:1
  distribution: PostgreSQL
  exporter:
    image: e:1
  gitSyncer:
    image: g:1
  podSecurityPolicies:
    databasePolicyName: postgres-db
  securityContext:
    runAsUser: 100
  updateConstraints:
    allowlist:
    - '>= 15.18'
  version: "15.18"
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEveryVersionNamesAGitSyncThatIsThere(t *testing.T) {
	t.Parallel()
	local, public := catalogs()
	for want, catalog := range map[string]map[string][]object{
		recipe.Named("git-sync")[0].Ref(): local, "registry.k8s.io/git-sync/git-sync:v4.4.2": public,
	} {
		for kind, objects := range catalog {
			for _, o := range objects {
				if o.Spec.GitSyncer == nil || o.Spec.GitSyncer.Image != want {
					t.Errorf("%s %s has the git-sync %+v, want %s", kind, o.Metadata.Name, o.Spec.GitSyncer, want)
				}
			}
		}
	}
}
