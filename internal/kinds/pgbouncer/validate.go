package pgbouncer

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// adminConsole is the database name under which PgBouncer offers its admin console.
const adminConsole = "pgbouncer"

// podRules are what the API reserves, and what is Matriarch's own.
func podRules() rules.Pod {
	return rules.Pod{
		Kind:         kubedbv1.KindPgBouncer,
		Containers:   []string{naming.ContainerPgBouncer},
		ForbiddenEnv: []string{"PGBOUNCER_PASSWORD", "PGBOUNCER_USER", "POSTGRES_PASSWORD", "POSTGRES_USER", "PGPASSWORD"},
		ReservedVolumes: []string{
			configVolume, userVolume, naming.GitSecretVolume, naming.CertsVolume, pooler.InitVolume,
			naming.AgentVolume, naming.RunVolume, naming.SocketsVolume,
		},
		ReservedMounts: []string{
			ConfDir, UserDir, SocketDir, naming.PgBouncerTLSDir, pooler.InitDir, naming.AgentDir, naming.RunDir,
		},
	}
}

// Validate says what is wrong with a PgBouncer.
func (k Kind) Validate(ctx context.Context, r database.Reader, old, now database.Instance) ([]string, field.ErrorList) {
	bouncer := of(now)
	spec := bouncer.Spec
	var found rules.Findings
	found.Refuse(rules.Replicas(now, 0)...)
	found.Refuse(rules.Halted(now)...)
	found.Refuse(unsupported(bouncer)...)
	found.Refuse(podRules().Check(field.NewPath("spec", "podTemplate"), spec.PodTemplate)...)
	found.Refuse(checkDatabase(spec.Database)...)
	found.Refuse(checkPort(bouncer)...)
	var version catalogv1alpha1.PgBouncerVersion
	if problem := rules.Version(ctx, r, now, &version, versions); problem != nil {
		found.Refuse(problem)
		return found.Warnings, found.Problems
	}
	found.Add(rules.Deprecated(old, now, version.Spec.Deprecated, versions))
	found.Refuse(rules.Exporter(now, spec.Monitor, version.Spec.Exporter.Image)...)
	found.Add(pooler.CheckScripts(spec.Init, version.Spec.GitSyncer.Image))
	found.Add(rules.Configuration{
		Spec: configuration(bouncer), File: ConfFile,
		Render: func(text custom.Text) ([]layer.Override, error) {
			return tryRender(bouncer, version.Spec.Version, text)
		},
	}.Check(ctx, r, now))
	return found.Warnings, found.Problems
}

// unsupported lists what the spec asks for and would not get.
func unsupported(bouncer *kubedbv1.PgBouncer) field.ErrorList {
	spec := bouncer.Spec
	return rules.TLS(field.NewPath("spec"), rules.Security{TLS: spec.TLS, SSLMode: spec.SSLMode})
}

// tryRender renders the configuration as if the Postgres were there.
func tryRender(bouncer *kubedbv1.PgBouncer, version string, text custom.Text) ([]layer.Override, error) {
	rendered, err := Render(ConfigInput{
		Version: version, Port: port(bouncer), Pool: poolSettings(bouncer.Spec.ConnectionPool), Custom: text,
		Upstream: Upstream{Host: "postgres", Port: naming.PostgresPort, Database: "postgres"}, AdminUser: adminConsole,
		TLS: bouncer.Spec.TLS != nil, SSLMode: bouncer.Spec.SSLMode,
	})
	return rendered.Overridden, err
}

// checkDatabase checks what is pooled.
func checkDatabase(db kubedbv1.PgBouncerDatabase) field.ErrorList {
	at := field.NewPath("spec", "database")
	var problems field.ErrorList
	if db.DatabaseRef.Name == "" {
		problems = append(problems, field.Required(at.Child("databaseRef", "name"), "name the AppBinding of the Postgres to pool"))
	}
	name := at.Child("databaseName")
	switch {
	case db.DatabaseName == "":
		problems = append(problems, field.Required(name, "name the database of the Postgres that clients shall reach"))
	case db.DatabaseName == adminConsole:
		problems = append(problems, field.Invalid(name, db.DatabaseName,
			"this is the name of PgBouncer's own admin console; a database of that name can not be pooled"))
	case !nameable(db.DatabaseName):
		problems = append(problems, field.Invalid(name, db.DatabaseName,
			"PgBouncer can not read this name in its configuration: allowed are letters, digits and _ . -"))
	}
	return problems
}

// nameable tells whether pgbouncer.ini can hold a database of that name (lib/usual/cfparser.c). A star it could hold
// too, but not as a name.
func nameable(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return true
}

// checkPort checks the port that clients connect to.
func checkPort(bouncer *kubedbv1.PgBouncer) field.ErrorList {
	pool := bouncer.Spec.ConnectionPool
	if pool == nil || pool.Port == nil {
		return nil
	}
	at := field.NewPath("spec", "connectionPool", "port")
	switch n := ptr.Deref(pool.Port, 0); {
	case n < 1 || n > 65535:
		return field.ErrorList{field.Invalid(at, n, "must be between 1 and 65535")}
	case n == naming.AgentPort:
		return field.ErrorList{field.Invalid(at, n, "this is the port of Matriarch's agent in the pod; choose another one")}
	}
	return nil
}
