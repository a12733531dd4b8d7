package admission_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Manifests that are accepted. In the tests below one field of them is changed or added.
var accepted = map[string]string{
	"Postgres": `
apiVersion: kubedb.com/v1
kind: Postgres
spec:
  version: good
  storageType: Durable
  storage: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`,
	"Pgpool": `
apiVersion: kubedb.com/v1alpha2
kind: Pgpool
spec:
  version: good
  postgresRef: {name: pg, namespace: demo}
`,
	"PgBouncer": `
apiVersion: kubedb.com/v1
kind: PgBouncer
spec:
  version: good
  database: {databaseName: app, databaseRef: {name: pg, namespace: demo}}
`,
}

// changed is an accepted manifest with a change: a path of fields and the value to put there, nil to remove it.
func changed(t *testing.T, namespace, kind, path string, value any) *unstructured.Unstructured {
	t.Helper()
	o := object(t, namespace, accepted[kind])
	fields := strings.Split(path, "/")
	if value == nil {
		unstructured.RemoveNestedField(o.Object, fields...)
		return o
	}
	if err := unstructured.SetNestedField(o.Object, value, fields...); err != nil {
		t.Fatal(err)
	}
	return o
}

// server is a pod template with something in the server's container.
func server(container, field string, value map[string]any) map[string]any {
	return map[string]any{"containers": []any{map[string]any{"name": container, field: []any{value}}}}
}

func volume(name string) map[string]any {
	return map[string]any{"volumes": []any{map[string]any{"name": name, "emptyDir": map[string]any{}}}}
}

func mount(path string) map[string]any { return map[string]any{"name": "x", "mountPath": path} }

// refusals are what is wrong with a database or pooler by what changes in an accepted one.
var refusals = []struct {
	kind, path string
	value      any
	want       string
}{
	{"Postgres", "spec/version", "99", "version not supported"},
	{"Postgres", "spec/version", "old", "version old is deprecated"},
	{"Postgres", "spec/replicas", int64(0), "spec.replicas"},
	{"Postgres", "spec/storage", nil, "spec.storage is missing"},
	{"Postgres", "spec/storage/storageClassName", "nowhere", `storageClassName "nowhere" not found`},
	{"Postgres", "spec/configuration", inline("user.conf", "work_memm = 4MB"), "work_mem"},
	{"Postgres", "spec/configuration", inline("user.conf", "work_mem = plenty"), "work_mem"},
	{"Postgres", "spec/configuration", inline("user.conf", "this is no line"), "line 1"},
	{"Postgres", "spec/configuration", inline("postgresql.conf", "work_mem = 4MB"), "postgresql.conf"},
	{"Postgres", "spec/configuration", map[string]any{"secretName": "bad"}, "user.conf"},
	{"Postgres", "spec/podTemplate/spec", volume("data"), "Cannot use a reserve volume name: data"},
	{"Postgres", "spec/podTemplate/spec", server("postgres", "volumeMounts", mount("/var/pv/data")), "reservedMountPaths path /var/pv"},
	{"Postgres", "spec/podTemplate/spec", server("postgres", "env", map[string]any{"name": "POSTGRES_PASSWORD", "value": "x"}), "environment variable POSTGRES_PASSWORD is forbidden"},
	{"Postgres", "spec/deletionPolicy", "Sometimes", "Sometimes"},

	{"Pgpool", "spec/version", "99", "version not supported; `kubectl get pgpoolversions` lists those that are"},
	{"Pgpool", "spec/version", "old", "version old is deprecated"},
	{"Pgpool", "spec/replicas", int64(0), "`spec.replicas` must be greater than 0"},
	{"Pgpool", "spec/replicas", int64(10), "`spec.replicas` must be less than 10"},
	{"Pgpool", "spec/postgresRef", map[string]any{"name": ""}, "spec.postgresRef"},
	{"Pgpool", "spec/configuration", inline("pgpool.conf", "num_init_childre = 5"), "did you mean num_init_children?"},
	{"Pgpool", "spec/configuration", inline("pgpool.conf", "num_init_children = many"), "num_init_children"},
	{"Pgpool", "spec/configuration", inline("pgpool.conf", "this is no line"), "read pgpool.conf of spec.configuration.inline: line 1"},
	{"Pgpool", "spec/configuration", inline("pool.conf", "num_init_children = 5"), `Unsupported value: "pool.conf": supported values: "pgpool.conf"`},
	{"Pgpool", "spec/configuration", map[string]any{"secretName": "bad"}, "read pgpool.conf of the configuration Secret: line 1"},
	{"Pgpool", "spec/configuration", backend(map[string]any{"weight": int64(1)}), "give either groupName or hostName"},
	{"Pgpool", "spec/configuration", backend(map[string]any{"weight": int64(1), "groupName": "PRIMARY", "hostName": "x"}), "give either groupName or hostName"},
	{"Pgpool", "spec/configuration", backend(map[string]any{"weight": int64(1), "groupName": "PRIMARY", "port": int64(1)}), "leave port out"},
	{"Pgpool", "spec/configuration", backend(map[string]any{"weight": int64(1), "groupName": "Reports"}), "or the name of a group of read replicas"},
	{"Pgpool", "spec/podTemplate/spec", volume("pgpool-config"), "Cannot use a reserve volume name: pgpool-config"},
	{"Pgpool", "spec/podTemplate/spec", server("pgpool", "volumeMounts", mount("/config/tls")), "reservedMountPaths path /config"},
	{"Pgpool", "spec/podTemplate/spec", server("pgpool", "env", map[string]any{"name": "PGPOOL_PCP_USER", "value": "x"}), "environment variable PGPOOL_PCP_USER is forbidden to use in Pgpool spec"},
	{"Pgpool", "spec/sslMode", "require", "it needs spec.tls; without TLS the only mode is disable"},
	{"Pgpool", "spec/clientAuthMode", "cert", "it needs spec.tls; without TLS use md5 or scram"},
	{"Pgpool", "spec/tls", map[string]any{"issuerRef": map[string]any{"apiGroup": "example.org", "kind": "Issuer", "name": "ca"}}, "cert-manager.io"},
	{"Pgpool", "spec/monitor", map[string]any{"agent": "prometheus.io"}, "names no exporter image"},

	{"PgBouncer", "spec/version", "99", "version not supported; `kubectl get pgbouncerversions` lists those that are"},
	{"PgBouncer", "spec/version", "old", "version old is deprecated"},
	{"PgBouncer", "spec/replicas", int64(0), "`spec.replicas` must be greater than 0"},
	{"PgBouncer", "spec/database/databaseName", "", "spec.database.databaseName"},
	{"PgBouncer", "spec/database/databaseName", "pgbouncer", "PgBouncer's own admin console"},
	{"PgBouncer", "spec/database/databaseName", "my db", "PgBouncer can not read this name"},
	{"PgBouncer", "spec/database/databaseName", "*", "PgBouncer can not read this name"},
	{"PgBouncer", "spec/database/databaseRef/name", "", "spec.database.databaseRef.name"},
	{"PgBouncer", "spec/configuration", inline("pgbouncer.ini", "[pgbouncer]\npool_mod = session"), "did you mean pool_mode?"},
	{"PgBouncer", "spec/configuration", inline("pgbouncer.ini", "pool_mode = sometimes"), "pool_mode"},
	{"PgBouncer", "spec/configuration", inline("pgbouncer.ini", "[pgbouncer]\nthis is no line"), "line 2"},
	{"PgBouncer", "spec/configuration", inline("pgbouncer.ini", "[databases]\nx = host=y"), "remove the section [databases]"},
	{"PgBouncer", "spec/configuration", map[string]any{"secretName": "bad"}, "read pgbouncer.ini of the configuration Secret: line 1"},
	{"PgBouncer", "spec/configSecret", map[string]any{"name": "bad"}, "read pgbouncer.ini of the configuration Secret: line 1"},
	{"PgBouncer", "spec/connectionPool", map[string]any{"port": int64(70000)}, "must be between 1 and 65535"},
	{"PgBouncer", "spec/connectionPool", map[string]any{"port": int64(8355)}, "the port of Matriarch's agent"},
	{"PgBouncer", "spec/connectionPool", map[string]any{"poolMode": "sometimes"}, "pool_mode"},
	{"PgBouncer", "spec/connectionPool", map[string]any{"authType": "none"}, "authType"},
	{"PgBouncer", "spec/podTemplate/spec", volume("user-secret"), "Cannot use a reserve volume name: user-secret"},
	{"PgBouncer", "spec/podTemplate/spec", server("pgbouncer", "volumeMounts", mount("/etc/config")), "reservedMountPaths path /etc/config"},
	{"PgBouncer", "spec/podTemplate/spec", server("pgbouncer", "env", map[string]any{"name": "PGPASSWORD", "value": "x"}), "environment variable PGPASSWORD is forbidden to use in PgBouncer spec"},
	{"PgBouncer", "spec/init", map[string]any{"script": map[string]any{"git": map[string]any{"args": []any{"--depth=1"}}}}, "name the repository"},
	{"Pgpool", "spec/init", map[string]any{"script": map[string]any{"git": map[string]any{"args": []any{"--repo=x"}}}}, "names no image for git-sync"},
	{"Pgpool", "spec/init", map[string]any{"script": map[string]any{"scriptPath": "/etc", "configMap": map[string]any{"name": "x"}}}, "it is a path within the volume"},
	{"PgBouncer", "spec/sslMode", "require", "it needs spec.tls"},
}

func inline(file, text string) map[string]any {
	return map[string]any{"inline": map[string]any{file: text}}
}

func backend(b map[string]any) map[string]any { return map[string]any{"backends": []any{b}} }

func TestABadSpecIsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	secret(t, ns, "bad", map[string]string{"user.conf": "no line", "pgpool.conf": "= line", "pgbouncer.ini": "no line"})
	for _, c := range refusals {
		t.Run(fmt.Sprintf("%s %s %v", c.kind, c.path, c.value), func(t *testing.T) {
			t.Parallel()
			o := changed(t, ns, c.kind, c.path, c.value)
			refuses(t, env.Client.Create(t.Context(), o), c.want)
		})
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	o := changed(t, ns, "PgBouncer", "spec/replicas", int64(0))
	if err := unstructured.SetNestedField(o.Object, "pgbouncer", "spec", "database", "databaseName"); err != nil {
		t.Fatal(err)
	}
	refuses(t, env.Client.Create(t.Context(), o), "spec.replicas", "spec.database.databaseName")
}

func TestDefaultsAreFilledInAndNothingElseIsTouched(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for kind, want := range map[string]map[string]any{
		"Pgpool": {
			"version": "good", "postgresRef": map[string]any{"name": "pg", "namespace": ns}, "syncUsers": false,
			"replicas": int64(1), "sslMode": "disable", "clientAuthMode": "md5", "deletionPolicy": "Delete",
			"healthChecker": map[string]any{"periodSeconds": int64(10), "timeoutSeconds": int64(10), "failureThreshold": int64(1)},
		},
		"PgBouncer": {
			"version": "good", "replicas": int64(1), "sslMode": "disable", "deletionPolicy": "Delete",
			"database":      map[string]any{"databaseName": "app", "syncUsers": false, "databaseRef": map[string]any{"name": "pg", "namespace": "demo"}},
			"healthChecker": map[string]any{"periodSeconds": int64(10), "timeoutSeconds": int64(10), "failureThreshold": int64(1)},
		},
	} {
		var o *unstructured.Unstructured
		if kind == "Pgpool" {
			o = changed(t, ns, kind, "spec/syncUsers", false) // spelled out although it is the zero value
			unstructured.RemoveNestedField(o.Object, "spec", "postgresRef", "namespace")
		} else {
			o = changed(t, ns, kind, "spec/database/syncUsers", false)
		}
		if err := env.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, o.Object["spec"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func TestWhatRunsKeepsItsDeprecatedVersionWithAWarning(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	o := create(t, ns, accepted["Pgpool"])
	version := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "catalog.kubedb.com/v1alpha1", "kind": "PgpoolVersion"}}
	if err := env.Client.Get(t.Context(), client.ObjectKey{Name: "good"}, version); err != nil {
		t.Fatal(err)
	}
	ageing := version.DeepCopy()
	ageing.SetResourceVersion("")
	ageing.SetName("ageing")
	if err := env.Client.Create(t.Context(), ageing); err != nil {
		t.Fatal(err)
	}
	setField(t, o, "ageing", "spec", "version")
	if err := env.Client.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	setField(t, ageing, true, "spec", "deprecated")
	if err := env.Client.Update(t.Context(), ageing); err != nil {
		t.Fatal(err)
	}
	setField(t, o, int64(2), "spec", "replicas")
	if err := env.Client.Update(t.Context(), o); err != nil {
		t.Errorf("it runs with this version already, and yet: %v", err)
	}
	if err := env.Client.Delete(t.Context(), ageing); err != nil {
		t.Fatal(err)
	}
	o.SetLabels(map[string]string{"a": "b"})
	if err := env.Client.Update(t.Context(), o); err != nil {
		t.Errorf("the spec is what it was, and yet: %v", err)
	}
}

func setField(t *testing.T, o *unstructured.Unstructured, value any, path ...string) {
	t.Helper()
	if err := unstructured.SetNestedField(o.Object, value, path...); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsProtectedFromTerminationIsNeitherDeletedNorHalted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for kind := range accepted {
		o := changed(t, ns, kind, "spec/deletionPolicy", "DoNotTerminate")
		if err := env.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		refuses(t, env.Client.Delete(t.Context(), o), fmt.Sprintf("%s %q can't be terminated. To delete, change spec.deletionPolicy", kind, ns+"/"+o.GetName()))
		if kind != "Pgpool" { // which has no such field
			halted := o.DeepCopy()
			setField(t, halted, true, "spec", "halted")
			refuses(t, env.Client.Update(t.Context(), halted), "Can't halt")
		}
		setField(t, o, "WipeOut", "spec", "deletionPolicy")
		if err := env.Client.Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := env.Client.Delete(t.Context(), o); err != nil {
			t.Errorf("no longer protected, and yet: %v", err)
		}
		if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(o), o); !apierrors.IsNotFound(err) {
			t.Errorf("it still exists: %v", err)
		}
	}
}

func TestAConfigurationSecretThatIsMissingIsWaitedFor(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	secret(t, ns, "empty", map[string]string{"other": "x"})
	for kind := range accepted {
		for _, name := range []string{"nowhere", "empty"} {
			o := changed(t, ns, kind, "spec/configuration", map[string]any{"secretName": name})
			if err := env.Client.Create(t.Context(), o); err != nil {
				t.Errorf("%s with the Secret %s: %v", kind, name, err)
			}
		}
	}
}
