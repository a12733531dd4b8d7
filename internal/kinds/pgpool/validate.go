package pgpool

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/backend"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/database/pooler"
	"github.com/matriarchdb/matriarch/internal/database/rules"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// maxReplicas is the API's.
const maxReplicas = 9

// podRules are what the API reserves, and what is Matriarch's own.
func podRules() rules.Pod {
	return rules.Pod{
		Kind:       kubedbv1alpha2.KindPgpool,
		Containers: []string{naming.ContainerPgpool},
		ForbiddenEnv: []string{
			"POSTGRES_USERNAME", "POSTGRES_PASSWORD", "PGPOOL_PCP_USER", "PGPOOL_PCP_PASSWORD",
			"PGPOOL_PASSWORD_ENCRYPTION_METHOD", "PGPOOL_ENABLE_POOL_PASSWD", "PGPOOL_SKIP_PASSWORD_ENCRYPTION",
		},
		ReservedVolumes: []string{
			configVolume, naming.CertsVolume, pooler.InitVolume, naming.GitSecretVolume, naming.AgentVolume, naming.RunVolume, naming.SocketsVolume,
		},
		ReservedMounts: []string{"/config", ConfDir, naming.PgpoolTLSDir, SocketDir, pooler.InitDir, naming.AgentDir, naming.RunDir},
	}
}

// Validate says what is wrong with a Pgpool.
func (k Kind) Validate(ctx context.Context, r database.Reader, old, now database.Instance) ([]string, field.ErrorList) {
	pool := of(now)
	spec := pool.Spec
	var found rules.Findings
	found.Refuse(rules.Replicas(now, maxReplicas)...)
	found.Refuse(unsupported(pool)...)
	found.Refuse(checkBackends(pool)...)
	found.Refuse(podRules().Check(field.NewPath("spec", "podTemplate"), spec.PodTemplate)...)
	if spec.PostgresRef.Name == "" {
		found.Refuse(field.Required(field.NewPath("spec", "postgresRef"), "`spec.postgresRef` is missing"))
	}
	var version catalogv1alpha1.PgpoolVersion
	if problem := rules.Version(ctx, r, now, &version, versions); problem != nil {
		found.Refuse(problem)
		return found.Warnings, found.Problems
	}
	found.Add(rules.Deprecated(old, now, version.Spec.Deprecated, versions))
	found.Refuse(rules.Exporter(now, spec.Monitor, version.Spec.Exporter.Image)...)
	found.Add(pooler.CheckScripts(spec.Init, version.Spec.GitSyncer.Image))
	found.Add(rules.Configuration{
		Spec: configuration(pool), File: ConfFile,
		Render: func(text custom.Text) ([]layer.Override, error) { return tryRender(pool, version.Spec.Version, text) },
	}.Check(ctx, r, now))
	found.Add(warnOfMissing(ctx, r, pool), nil)
	return found.Warnings, found.Problems
}

// warnOfMissing looks for the listed groups of read replicas. They may come later, and so may the whole Postgres.
func warnOfMissing(ctx context.Context, r database.Reader, pool *kubedbv1alpha2.Pgpool) []string {
	w := wishes(pool)
	if server, err := backend.Read(ctx, r, w.Postgres, w.Field); err == nil {
		if text := lacks(missingGroups(pool.Spec.Configuration, server), server); text != "" {
			return []string{text}
		}
	}
	return nil
}

// tryRender renders the configuration as if the Postgres were there and had standbys and all the read replicas that are
// listed.
func tryRender(pool *kubedbv1alpha2.Pgpool, version string, text custom.Text) ([]layer.Override, error) {
	server := backend.Server{Host: "primary", StandbyHost: "standby", Port: naming.PostgresPort, Managed: true, ReadReplicas: map[string]string{}}
	for _, group := range missingGroups(pool.Spec.Configuration, server) {
		server.ReadReplicas[group] = group
	}
	list, err := backends(pool.Spec.Configuration, server)
	if err != nil {
		return nil, err
	}
	rendered, err := Render(ConfigInput{
		Version: version, Backends: list, Custom: text,
		ClientAuthMode: pool.Spec.ClientAuthMode, SSLMode: pool.Spec.SSLMode, TLS: tlsOf(pool, server),
	})
	return rendered.Overridden, err
}

// unsupported lists what the spec asks for and would not get.
func unsupported(pool *kubedbv1alpha2.Pgpool) field.ErrorList {
	spec := pool.Spec
	problems := rules.TLS(field.NewPath("spec"), rules.Security{
		TLS: spec.TLS, SSLMode: spec.SSLMode, ClientAuthMode: spec.ClientAuthMode,
	})
	if spec.ClientAuthMode == sharedv1.ClientAuthModeCert && spec.Monitor != nil {
		problems = append(problems, field.Forbidden(field.NewPath("spec", "monitor"),
			"the exporter logs in as a client and has no way to show a certificate; remove it, or use clientAuthMode scram or md5"))
	}
	return problems
}

// checkBackends checks the list of load balancing targets, each on its own; whether they exist is seen later.
func checkBackends(pool *kubedbv1alpha2.Pgpool) field.ErrorList {
	if pool.Spec.Configuration == nil {
		return nil
	}
	var problems field.ErrorList
	at := field.NewPath("spec", "configuration", "backends")
	seen := map[string]bool{}
	for i, b := range pool.Spec.Configuration.Backends {
		name := b.GroupName + b.HostName
		switch {
		case (b.GroupName == "") == (b.HostName == ""):
			problems = append(problems, field.Invalid(at.Index(i), name, "give either groupName or hostName"))
		case isReadReplicas(b.GroupName) && len(validation.IsDNS1123Label(b.GroupName)) > 0:
			problems = append(problems, field.Invalid(at.Index(i).Child("groupName"), b.GroupName,
				fmt.Sprintf("it is %s, %s or the name of a group of read replicas, which this cannot be", kubedbv1alpha2.BackendGroupPrimary, kubedbv1alpha2.BackendGroupStandby)))
		case b.GroupName != "" && b.Port != nil:
			problems = append(problems, field.Invalid(at.Index(i).Child("port"), *b.Port, "a group has the port of its Service; leave port out"))
		case b.Weight < 0:
			problems = append(problems, field.Invalid(at.Index(i).Child("weight"), b.Weight, "must not be negative"))
		case seen[name]:
			problems = append(problems, field.Duplicate(at.Index(i), name))
		}
		seen[name] = true
	}
	return problems
}
