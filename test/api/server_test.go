// Package api_test holds the API types and their CRDs to what they promise, with a real API server.
package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) { os.Exit(testenv.Main(m, &env, testenv.Options{AddToScheme: groups()})) }

func TestTheCRDsAreInstalledByServerSideApply(t *testing.T) {
	t.Parallel()
	env.Namespace(t)
	files, err := filepath.Glob("../../config/crd/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			t.Fatal(err)
		}
		if err := env.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(crd), client.FieldOwner("installer"), client.ForceOwnership); err != nil {
			t.Errorf("apply %s: %v", filepath.Base(file), err)
		}
	}
}

func TestEveryManifestIsAcceptedWithStrictValidation(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	for _, manifest := range manifests(t) {
		t.Run(title(manifest), func(t *testing.T) {
			t.Parallel()
			manifest.SetNamespace(ns)
			if err := env.Client.Create(t.Context(), manifest, client.FieldValidation("Strict"), client.DryRunAll); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheServerFillsInTheDefaults(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	const (
		healthChecker = `{periodSeconds: 10, timeoutSeconds: 10, failureThreshold: 1}`
		request       = `apply: IfReady, maxRetries: 1, databaseRef: {name: x}`
	)
	tests := map[string]struct{ kind, given, want string }{
		"a Postgres": {
			kind:  "kubedb.com/v1 Postgres",
			given: `{version: "17.5"}`,
			want:  `{version: "17.5", healthChecker: ` + healthChecker + `, allowedSchemas: {namespaces: {from: Same}}}`,
		},
		"sections of a Postgres": {
			kind: "kubedb.com/v1 Postgres",
			given: `{version: "17.5", leaderElection: {}, authSecret: {name: a}, podTemplate: {spec: {}}, readReplicas: [{name: r}],
				healthChecker: {periodSeconds: 3}, monitor: {prometheus: {exporter: {}}}, allowedSchemas: {}}`,
			want: `{version: "17.5", healthChecker: {periodSeconds: 3, timeoutSeconds: 10, failureThreshold: 1},
				leaderElection: {period: 100ms, electionTick: 10, heartbeatTick: 1, maximumLagBeforeFailover: 33554432,
					transferLeadershipInterval: 1s, transferLeadershipTimeout: 60s},
				authSecret: {name: a, kind: Secret, apiGroup: ""}, podTemplate: {spec: {podPlacementPolicy: {name: default}}},
				readReplicas: [{name: r, podPlacementPolicy: {name: default}}], monitor: {prometheus: {exporter: {port: 56790}}},
				allowedSchemas: {namespaces: {from: Same}}}`,
		},
		"a Pgpool": {
			kind:  "kubedb.com/v1alpha2 Pgpool",
			given: `{version: 4.6.0, postgresRef: {name: p}}`,
			want:  `{version: 4.6.0, postgresRef: {name: p}, clientAuthMode: md5, healthChecker: ` + healthChecker + `}`,
		},
		"a PgBouncer": {
			kind:  "kubedb.com/v1 PgBouncer",
			given: `{version: 1.24.0, database: {databaseName: d, databaseRef: {name: p, namespace: other}}}`,
			want: `{version: 1.24.0, database: {databaseName: d, databaseRef: {name: p, namespace: other}},
				healthChecker: ` + healthChecker + `}`,
		},
		"a PostgresOpsRequest": {
			kind:  "ops.kubedb.com/v1alpha1 PostgresOpsRequest",
			given: `{databaseRef: {name: x}, type: HorizontalScaling, horizontalScaling: {replicas: 3}}`,
			want: `{` + request + `, type: HorizontalScaling,
				horizontalScaling: {replicas: 3, standbyMode: Hot, streamingMode: Asynchronous}}`,
		},
		"a PgpoolOpsRequest": {
			kind:  "ops.kubedb.com/v1alpha1 PgpoolOpsRequest",
			given: `{databaseRef: {name: x}, type: Reconfigure, configuration: {}, verticalScaling: {}}`,
			want:  `{` + request + `, type: Reconfigure, configuration: {restart: auto}, verticalScaling: {mode: Restart}}`,
		},
		"a PgBouncerOpsRequest": {
			kind:  "ops.kubedb.com/v1alpha1 PgBouncerOpsRequest",
			given: `{databaseRef: {name: x}, type: RotateAuth, authentication: {secretRef: {name: s}}}`,
			want: `{` + request + `, type: RotateAuth,
				authentication: {secretRef: {name: s, kind: Secret, apiGroup: ""}}}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, ns, test.kind, test.given)
			if err := env.Client.Create(t.Context(), object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, test.want), object.Object["spec"]); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheServerRefusesWhatTheSchemaForbids(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	const (
		postgres = "kubedb.com/v1 Postgres"
		pgpool   = "kubedb.com/v1alpha2 Pgpool"
		request  = "ops.kubedb.com/v1alpha1 PgpoolOpsRequest"
	)
	tests := map[string]struct{ kind, spec, name, says string }{
		"no version":              {kind: postgres, spec: `{}`, says: "spec.version: Required value"},
		"an unknown field":        {kind: postgres, spec: `{version: v, replica: 3}`, says: `unknown field "spec.replica"`},
		"an unknown policy":       {kind: postgres, spec: `{version: v, deletionPolicy: Keep}`, says: `Unsupported value: "Keep"`},
		"a name with a dot":       {kind: postgres, spec: `{version: v}`, name: "a.b", says: "must be a lower case DNS label"},
		"a name with a digit":     {kind: pgpool, spec: `{version: v, postgresRef: {name: p}}`, name: "1a", says: "starts with a letter"},
		"a name of 64 characters": {kind: postgres, spec: `{version: v}`, name: strings.Repeat("a", 64), says: "at most 63"},
		"an alias of v1alpha2 in v1": {
			kind: postgres, spec: `{version: v, serviceTemplates: [{alias: dashboard}]}`, says: "alias must be primary, standby or stats",
		},
		"a backend without weight": {
			kind: pgpool, spec: `{version: v, postgresRef: {name: p}, configuration: {backends: [{groupName: PRIMARY}]}}`,
			says: "weight: Required value",
		},
		"a type of another kind": {
			kind: request, spec: `{databaseRef: {name: x}, type: VolumeExpansion}`, says: `Unsupported value: "VolumeExpansion"`,
		},
		"a restart that is a bool": {
			kind: request, spec: `{databaseRef: {name: x}, type: Reconfigure, configuration: {restart: true}}`,
			says: "must be of type string",
		},
		"no database": {kind: request, spec: `{type: Restart}`, says: "spec.databaseRef: Required value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := newObject(t, ns, test.kind, test.spec)
			if test.name != "" {
				object.SetGenerateName("")
				object.SetName(test.name)
			}
			err := env.Client.Create(t.Context(), object, client.FieldValidation("Strict"))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("the answer is %v, want one that says %q", err, test.says)
			}
		})
	}
}

func TestAStatusHasOneConditionPerType(t *testing.T) {
	t.Parallel()
	db := create(t, "two-of-a-kind")
	ready := sharedv1.Condition{Type: sharedv1.ConditionReady, Status: metav1.ConditionTrue, LastTransitionTime: metav1.Now()}
	db.Status.Conditions = []sharedv1.Condition{ready, ready}
	if err := env.Client.Status().Update(t.Context(), db); !apierrors.IsInvalid(err) {
		t.Errorf("two conditions of one type are answered by %v, want that it is invalid", err)
	}
}

func TestApplyingOneFieldOfATypedObjectOwnsOnlyThatField(t *testing.T) {
	t.Parallel()
	db := create(t, "shared")
	patch := &kubedbv1.Postgres{
		TypeMeta:   metav1.TypeMeta{APIVersion: kubedbv1.GroupVersion.String(), Kind: kubedbv1.KindPostgres},
		ObjectMeta: metav1.ObjectMeta{Name: db.Name, Namespace: db.Namespace},
		Spec:       kubedbv1.PostgresSpec{AuthSecret: &sharedv1.AuthSecret{ActiveFrom: ptr.To(metav1.Now().Rfc3339Copy())}},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(patch)
	if err != nil {
		t.Fatal(err)
	}
	applied := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: content})
	if err := env.Client.Apply(t.Context(), applied, client.FieldOwner("operator")); err != nil {
		t.Fatal(err)
	}
	if err := env.Client.Get(t.Context(), client.ObjectKeyFromObject(db), db); err != nil {
		t.Fatal(err)
	}
	if got := db.Spec.AuthSecret; got.Name != "keeper" || !got.ExternallyManaged || got.ActiveFrom == nil {
		t.Errorf("the user's fields beside the operator's did not stay: %+v", got)
	}
	for _, entry := range db.ManagedFields {
		want := `{"f:spec":{"f:authSecret":{"f:activeFrom":{}}}}`
		if got := entry.FieldsV1.GetRawString(); entry.Manager == "operator" && got != want {
			t.Errorf("the operator owns %s, want %s", got, want)
		}
	}
}

// create makes a Postgres whose credentials a user looks after.
func create(t *testing.T, name string) *kubedbv1.Postgres {
	t.Helper()
	db := &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: env.Namespace(t)}, Spec: kubedbv1.PostgresSpec{
		Version: "17.5", AuthSecret: &sharedv1.AuthSecret{Name: "keeper", ExternallyManaged: true},
	}}
	if err := env.Client.Create(t.Context(), db, client.FieldOwner("user")); err != nil {
		t.Fatal(err)
	}
	return db
}

// newObject makes an object of a kind such as "kubedb.com/v1 Postgres" from its spec in YAML.
func newObject(t *testing.T, ns, kind, spec string) *unstructured.Unstructured {
	t.Helper()
	apiVersion, name, _ := strings.Cut(kind, " ")
	object := &unstructured.Unstructured{Object: map[string]any{"spec": parse(t, spec)}}
	object.SetAPIVersion(apiVersion)
	object.SetKind(name)
	object.SetNamespace(ns)
	object.SetGenerateName("test-")
	return object
}

// parse reads YAML the way the API server's answers are read, with whole numbers as int64.
func parse(t *testing.T, text string) any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(asJSON, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
