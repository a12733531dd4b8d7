package postgres

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// valid is a Postgres that nothing is wrong with.
func valid(ns string) *kubedbv1.Postgres {
	pg := &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "pg"}}
	pg.Spec.Version = versionName
	pg.Spec.Storage = &corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
	}
	return pg
}

func TestValidate(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	create(t, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast-" + ns}, Provisioner: "test"})
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "bad"}, Data: map[string][]byte{"user.conf": []byte("nonsense = 1")}})
	for _, test := range []struct {
		reason   string
		change   func(*kubedbv1.PostgresSpec)
		problem  string // a part of the one problem; empty for none
		warnings string
	}{
		{"all is well", func(*kubedbv1.PostgresSpec) {}, "", ""},
		{"no version", func(s *kubedbv1.PostgresSpec) { s.Version = "" }, "spec.version: Required", ""},
		{"an unknown version", func(s *kubedbv1.PostgresSpec) { s.Version = "8.0" }, "version not supported", ""},
		{"a deprecated version", func(s *kubedbv1.PostgresSpec) { s.Version = deprecatedVersion }, "is deprecated", ""},
		{"monitoring without an exporter", func(s *kubedbv1.PostgresSpec) {
			s.Version, s.Monitor = unmonitoredVersion, &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusBuiltin}
		}, "names no exporter image", ""},
		{"no replica", func(s *kubedbv1.PostgresSpec) { s.Replicas = ptr.To[int32](0) }, `spec.replicas "0" invalid. Value must be greater than zero`, ""},
		{"no storage", func(s *kubedbv1.PostgresSpec) { s.Storage = nil }, "spec.storage is missing for durable storage type", ""},
		{"storage without a size", func(s *kubedbv1.PostgresSpec) { s.Storage.Resources = corev1.VolumeResourceRequirements{} }, "the size of the volume is missing", ""},
		{"an unknown storage class", func(s *kubedbv1.PostgresSpec) { s.Storage.StorageClassName = ptr.To("x") }, `storageClassName "x" not found`, ""},
		{"a known one", func(s *kubedbv1.PostgresSpec) { s.Storage.StorageClassName = ptr.To("fast-" + ns) }, "", ""},
		{"ephemeral storage that is to be kept", func(s *kubedbv1.PostgresSpec) {
			s.StorageType, s.DeletionPolicy = sharedv1.StorageTypeEphemeral, sharedv1.DeletionPolicyHalt
		}, "Halt keeps volumes", ""},
		{"halted but not to be terminated", func(s *kubedbv1.PostgresSpec) {
			s.Halted, s.DeletionPolicy = true, sharedv1.DeletionPolicyDoNotTerminate
		}, "Can't halt", ""},
		{"a TLS mode without TLS", func(s *kubedbv1.PostgresSpec) { s.SSLMode = sharedv1.SSLModeRequire }, "it needs spec.tls", ""},
		{"certificates without TLS", func(s *kubedbv1.PostgresSpec) { s.ClientAuthMode = sharedv1.ClientAuthModeCert }, "it needs spec.tls", ""},
		{"an issuer without a name", func(s *kubedbv1.PostgresSpec) { s.TLS = &sharedv1.TLSConfig{} }, "name the cert-manager Issuer", ""},
		{"synchronous settings without the mode", func(s *kubedbv1.PostgresSpec) {
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{}
		}, "streamingMode: Synchronous", ""},
		{"waiting for more standbys than there are", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StreamingMode = ptr.To[int32](3), kubedbv1.StreamingModeSynchronous
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{NumSyncReplicas: ptr.To[int32](3)}
		}, "less than spec.replicas, which is 3", ""},
		{"a name twice", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StreamingMode = ptr.To[int32](3), kubedbv1.StreamingModeSynchronous
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{StandbyNames: []string{"a", "a"}}
		}, "Duplicate", ""},
		{"names and a wildcard", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StreamingMode = ptr.To[int32](3), kubedbv1.StreamingModeSynchronous
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{StandbyNames: []string{"a"}, UseWildcard: true}
		}, "either names or useWildcard", ""},
		{"segments of WAL", func(s *kubedbv1.PostgresSpec) {
			s.Replication = &kubedbv1.Replication{WALLimitPolicy: kubedbv1.WALLimitPolicyKeepSegment}
		}, "use WALKeepSize", ""},
		{"replication slots without a limit", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.Replication = ptr.To[int32](2), &kubedbv1.Replication{WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot}
		}, "", "maxSlotWALKeepSize is unlimited"},
		{"replication slots with a limit", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.Replication = ptr.To[int32](2), &kubedbv1.Replication{
				WALLimitPolicy: kubedbv1.WALLimitPolicyReplicationSlot, MaxSlotWALKeepSize: ptr.To[int32](200)}
		}, "", ""},
		{"an archiver", func(s *kubedbv1.PostgresSpec) { s.Archiver = &sharedv1.Archiver{} }, "WAL is not archived", ""},
		{"a recovery from an archive", func(s *kubedbv1.PostgresSpec) {
			s.Init = &sharedv1.InitSpec{Archiver: &sharedv1.ArchiverRecovery{}}
		}, "remove spec.init.archiver", ""},
		{"several Kubernetes clusters", func(s *kubedbv1.PostgresSpec) { s.Distributed = true }, "remove spec.distributed", ""},
		{"an unknown file", inline("postgresql.conf", ""), "Unsupported value", ""},
		{"an unknown parameter", inline("user.conf", "nonsense = 1"), "nonsense", ""},
		{"an unknown parameter in the Secret", secretName("bad"), "nonsense", ""},
		{"a Secret that is not there yet", secretName("later"), "", "waiting for Secret " + ns + "/later"},
		{"a parameter of the operator's", inline("user.conf", "port = 1"), "", "port = 1 has no effect"},
		{"a reserved volume", pod(func(p *sharedv1.PodSpec) { p.Volumes = []corev1.Volume{{Name: "data"}} }), "Cannot use a reserve volume name: data", ""},
		{"a reserved mount", container(corev1.Container{Name: "side", VolumeMounts: []corev1.VolumeMount{{Name: "x", MountPath: "/var/pv/data"}}}),
			"reservedMountPaths path /var/pv", ""},
		{"a forbidden variable", container(corev1.Container{Name: "postgres", Env: []corev1.EnvVar{{Name: "POSTGRES_PASSWORD"}}}),
			"environment variable POSTGRES_PASSWORD is forbidden to use in Postgres spec", ""},
		{"another user than the image's", container(corev1.Container{Name: "postgres", SecurityContext: &corev1.SecurityContext{RunAsUser: ptr.To[int64](1)}}),
			"runs as user 999 only", ""},
		{"a coordinator", container(corev1.Container{Name: "pg-coordinator"}), "", "pg-coordinator does not exist"},
		{"an arbiter", func(s *kubedbv1.PostgresSpec) { s.Arbiter = &kubedbv1.Arbiter{} }, "", "spec.arbiter has no effect"},
		{"a read replica with less room than the database", func(s *kubedbv1.PostgresSpec) {
			s.ReadReplicas = []kubedbv1.ReadReplica{{Name: "a", Storage: s.Storage.DeepCopy()}}
			s.Storage.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
		}, "", "is smaller than the database's"},
		{"a read replica to wait for", func(s *kubedbv1.PostgresSpec) {
			s.Replicas, s.StreamingMode, s.ReadReplicas = ptr.To[int32](3), kubedbv1.StreamingModeSynchronous, []kubedbv1.ReadReplica{{Name: "a"}}
			s.SynchronousReplicationConfig = &kubedbv1.SynchronousReplication{StandbyNames: []string{"pg-1", "pg-a-0"}}
		}, "it is a read replica, which is asynchronous", ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			pg := valid(ns)
			test.change(&pg.Spec)
			warnings, problems := New("agent:1").Validate(t.Context(), env.Client, nil, instance{pg})
			text := problems.ToAggregate()
			switch {
			case test.problem == "" && text != nil:
				t.Errorf("it was refused: %v", text)
			case test.problem != "" && (text == nil || !strings.Contains(text.Error(), test.problem)):
				t.Errorf("the problems are %v, want %q", text, test.problem)
			}
			if got := strings.Join(warnings, "\n"); !strings.Contains(got, test.warnings) || test.warnings == "" && got != "" {
				t.Errorf("the warnings are %q, want %q", got, test.warnings)
			}
		})
	}
}

func TestMonitoringThatWasAdmittedBeforeTheExporterWentMakesNoBrokenPod(t *testing.T) {
	t.Parallel()
	pg := valid(env.Namespace(t))
	versions(t)
	pg.Spec.Version, pg.Spec.Monitor = unmonitoredVersion, &sharedv1.MonitoringSpec{Agent: sharedv1.MonitoringAgentPrometheusBuiltin}
	kind, in := New("agent:1"), instance{pg}
	kind.Default(in)
	_, err := kind.Gather(t.Context(), env.Client, in)
	if _, ok := errors.AsType[*database.Unusable](err); !ok || !strings.Contains(err.Error(), "names no exporter image") {
		t.Errorf("got %v", err)
	}
}

func TestWhatMustNotChange(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	versions(t)
	old, now := valid(ns), valid(ns)
	now.Spec.StorageType = sharedv1.StorageTypeEphemeral
	if _, problems := New("").Validate(t.Context(), env.Client, instance{old}, instance{now}); len(problems) != 1 {
		t.Errorf("a change of the storage type gave %v", problems)
	}
	old, now = valid(ns), valid(ns)
	old.Spec.Init = &sharedv1.InitSpec{Initialized: true}
	if _, problems := New("").Validate(t.Context(), env.Client, instance{old}, instance{now}); len(problems) != 1 {
		t.Errorf("a change of what the database was initialized with gave %v", problems)
	}
	old, now = valid(ns), valid(ns)
	old.Spec.Archiver, now.Spec.Archiver = &sharedv1.Archiver{}, &sharedv1.Archiver{}
	if warnings, problems := New("").Validate(t.Context(), env.Client, instance{old}, instance{now}); len(problems) != 0 || len(warnings) != 1 {
		t.Errorf("what has an archiver already can not be changed: %v %v", warnings, problems)
	}
	old, now = valid(ns), valid(ns)
	old.Spec.Version = deprecatedVersion
	now.Spec.Version, now.Spec.Replicas = deprecatedVersion, ptr.To[int32](2)
	warnings, problems := New("").Validate(t.Context(), env.Client, instance{old}, instance{now})
	if len(problems) != 0 || len(warnings) != 1 {
		t.Errorf("what runs on a deprecated version can not be changed: %v %v", warnings, problems)
	}
}

func inline(file, text string) func(*kubedbv1.PostgresSpec) {
	return func(s *kubedbv1.PostgresSpec) {
		s.Configuration = &kubedbv1.PostgresConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{Inline: map[string]string{file: text}}}
	}
}

func secretName(name string) func(*kubedbv1.PostgresSpec) {
	return func(s *kubedbv1.PostgresSpec) {
		s.Configuration = &kubedbv1.PostgresConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{SecretName: name}}
	}
}

func pod(change func(*sharedv1.PodSpec)) func(*kubedbv1.PostgresSpec) {
	return func(s *kubedbv1.PostgresSpec) {
		s.PodTemplate = &sharedv1.PodTemplateSpec{}
		change(&s.PodTemplate.Spec)
	}
}

func container(c corev1.Container) func(*kubedbv1.PostgresSpec) {
	return pod(func(p *sharedv1.PodSpec) { p.Containers = []corev1.Container{c} })
}
