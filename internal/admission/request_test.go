package admission_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pool makes a Pgpool with all that it needs, and returns its name.
func pool(t *testing.T, ns string) string {
	t.Helper()
	secret(t, ns, "pg-auth", map[string]string{"username": "postgres", "password": "x"})
	secret(t, ns, "pp-auth", map[string]string{"username": "pcp", "password": "y"})
	create(t, ns, `
apiVersion: appcatalog.appscode.com/v1alpha1
kind: AppBinding
metadata: {name: pg}
spec:
  type: kubedb.com/postgres
  clientConfig: {service: {name: pg, port: 5432, scheme: postgresql}}
  secret: {name: pg-auth}
`)
	create(t, ns, strings.Replace(accepted["Pgpool"], "{name: pg, namespace: demo}", "{name: pg}", 1)+"metadata: {name: pp}\n")
	return "pp"
}

// request is a manifest of an operation on a Pgpool.
func request(operation, section string) string {
	return fmt.Sprintf(`
apiVersion: ops.kubedb.com/v1alpha1
kind: PgpoolOpsRequest
spec:
  type: %s
  databaseRef: {name: pp}
  %s
`, operation, section)
}

func TestARequestThatCannotBeCarriedOutIsRefused(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	pool(t, ns)
	secret(t, ns, "keyless", map[string]string{"other": "x"})
	secret(t, ns, "bad", map[string]string{"pgpool.conf": "num_init_childre = 5"})
	for name, c := range map[string]struct{ manifest, want string }{
		"no such database": {strings.Replace(request("Restart", ""), "{name: pp}", "{name: nobody}", 1),
			"spec.databaseRef " + ns + "/nobody, is invalid or not found: there is no such Pgpool"},
		"a type that this release does not have": {request("RotateAuth", ""),
			`Unsupported value: "RotateAuth": supported values: "UpdateVersion", "Restart", "Reconfigure"`},
		"no section":                    {request("Reconfigure", ""), "`spec.configuration` nil not supported in Reconfigure type"},
		"nothing to change":             {request("Reconfigure", "configuration: {}"), "at least one of"},
		"an unknown parameter":          {request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "num_init_childre = 5"}}`), "did you mean num_init_children?"},
		"a bad value":                   {request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "num_init_children = many"}}`), "num_init_children"},
		"a line that is none":           {request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "= 5"}}`), "line 1"},
		"another file":                  {request("Reconfigure", `configuration: {applyConfig: {pool.conf: "num_init_children = 5"}}`), "pool.conf"},
		"a Secret that does not exist":  {request("Reconfigure", `configuration: {configSecret: {name: nowhere}}`), "Secret " + ns + "/nowhere: not found"},
		"a Secret without the file":     {request("Reconfigure", `configuration: {configSecret: {name: keyless}}`), "the key pgpool.conf in Secret " + ns + "/keyless"},
		"a Secret with a bad file":      {request("Reconfigure", `configuration: {configSecret: {name: bad}}`), "did you mean num_init_children?"},
		"a backend that there is not":   {request("Reconfigure", `configuration: {backend: {sync: [{groupName: reports, weight: 1}]}}`), `has no such group of read replicas`},
		"a backend to delete, unlisted": {request("Reconfigure", `configuration: {backend: {delete: [somewhere]}}`), "somewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, env.Client.Create(t.Context(), object(t, ns, c.manifest)), c.want)
		})
	}
}

func TestAConfigurationThatAPostgresCanNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, ns, accepted["Postgres"]+"metadata: {name: pp}\n")
	settings := func(text string) string {
		return fmt.Sprintf("configuration: {applyConfig: {user.conf: %q}}", text)
	}
	for name, c := range map[string]struct{ section, want string }{
		"nothing asked":          {"configuration: {}", "at least one of"},
		"another file":           {`configuration: {applyConfig: {postgresql.conf: "a = 1"}}`, "does not have file named 'user.conf'"},
		"removed, not restarted": {`configuration: {removeCustomConfig: true, restart: "false"}`, "restart: false"},
		"too long":               {settings(strings.Repeat("# 34567\n", 200<<7)), "at most 192 KiB"},
		"a name twice":           {settings("work_mem = 1MB\nwork_mem = 2MB"), "is set twice, here and in line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(request("Reconfigure", c.section), "PgpoolOpsRequest", "PostgresOpsRequest", 1)
			refuses(t, env.Client.Create(t.Context(), object(t, ns, text)), c.want)
		})
	}
}

func TestATypeThatNobodyKnowsIsRefusedForEveryKind(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for kind, manifest := range accepted {
		create(t, ns, manifest+"metadata: {name: pp}\n")
		text := strings.Replace(request("Reboot", ""), "PgpoolOpsRequest", kind+"OpsRequest", 1)
		refuses(t, env.Client.Create(t.Context(), object(t, ns, text)), "Reboot")
	}
}

func TestARestartOfEveryKindIsAccepted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for kind, manifest := range accepted {
		create(t, ns, manifest+"metadata: {name: pp}\n")
		create(t, ns, strings.Replace(request("Restart", ""), "PgpoolOpsRequest", kind+"OpsRequest", 1))
	}
}

func TestARequestIsAcceptedAndNotChangedAfterwards(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	pool(t, ns)
	create(t, ns, request("Restart", ""))
	o := create(t, ns, request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "num_init_children = 6"}}`))
	edited := o.DeepCopy()
	setField(t, edited, "Always", "spec", "apply")
	refuses(t, env.Client.Update(t.Context(), edited), "a request can not be changed after its creation; delete it and create another one")
	o.SetLabels(map[string]string{"a": "b"})
	if err := env.Client.Update(t.Context(), o); err != nil {
		t.Errorf("a label is not the spec, and yet: %v", err)
	}
	setField(t, o, "Progressing", "status", "phase")
	if err := env.Client.Status().Update(t.Context(), o); err != nil {
		t.Errorf("the status is the operator's, and yet: %v", err)
	}
	if err := env.Client.Delete(t.Context(), o); err != nil {
		t.Errorf("it can be deleted: %v", err)
	}
}

func TestWhatCannotBeCheckedYetIsAcceptedWithAWarning(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, ns, accepted["Pgpool"]+"metadata: {name: pp}\n") // its AppBinding does not exist
	said := warningsOf(t, object(t, ns, request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "num_init_children = 6"}}`)))
	if !strings.Contains(said, "the new configuration could not be checked yet: waiting for AppBinding demo/pg: not found") {
		t.Errorf("warned %q", said)
	}
}

func TestASettingWithoutEffectGivesAWarning(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	pool(t, ns)
	manifest := accepted["Pgpool"] + "  configuration: {inline: {pgpool.conf: \"port = 5433\"}}\n"
	if said := warningsOf(t, object(t, ns, manifest)); !strings.Contains(said, "no effect") || !strings.Contains(said, "port") {
		t.Errorf("warned %q", said)
	}
	asked := request("Reconfigure", `configuration: {applyConfig: {pgpool.conf: "port = 5433"}}`)
	refuses(t, env.Client.Create(t.Context(), object(t, ns, asked)), `port = "5433": has no effect, because it belongs to the operator`)
}

func TestARequestForAHaltedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, ns, accepted["Postgres"]+"  halted: true\nmetadata: {name: pp}\n")
	asked := strings.Replace(request("Restart", ""), "PgpoolOpsRequest", "PostgresOpsRequest", 1)
	refuses(t, env.Client.Create(t.Context(), object(t, ns, asked)), ns+"/pp is halted; set spec.halted to false first")
}

// warnings collects what the API server says beside its answer.
type warnings struct {
	mu   sync.Mutex
	said []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, text)
}

// warningsOf creates an object, which must be accepted, and returns the warnings.
func warningsOf(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	heard := &warnings{}
	config := rest.CopyConfig(env.Config)
	config.WarningHandler = heard
	c, err := client.New(config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatalf("refused: %v", err)
	}
	return strings.Join(heard.said, "\n")
}
