package ops

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/database/certs"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// file is the one configuration file of the kind in these tests. Its lines are name=value. A name that begins with
// restart_ or floor_ takes effect at a restart.
const file = "server.conf"

// fakeKind is a kind of database that exists only here; it uses the API types of Pgpool, whose CRDs are at hand.
type fakeKind struct{}

var (
	_ database.Operable        = fakeKind{}
	_ database.Reconfigurer    = fakeKind{}
	_ database.TLSReconfigurer = fakeKind{}
	_ database.Updater         = fakeKind{}
)

type fakeInstance struct{ pool *kubedbv1alpha2.Pgpool }

func (i fakeInstance) Object() client.Object            { return i.pool }
func (i fakeInstance) Status() *sharedv1.DatabaseStatus { return i.pool.DatabaseStatus() }
func (i fakeInstance) DeepCopy() database.Instance      { return fakeInstance{i.pool.DeepCopy()} }
func (i fakeInstance) Spec() database.Spec {
	return database.Spec{
		Version: i.pool.Spec.Version, Replicas: ptr.Deref(i.pool.Spec.Replicas, 1),
		Health: database.HealthCheckOf(i.pool.Spec.HealthChecker), Auth: i.pool.Spec.AuthSecret,
		Backend: types.NamespacedName{Namespace: i.pool.Namespace, Name: i.pool.Spec.PostgresRef.Name},
	}
}

type fakeGathered struct {
	pool       *kubedbv1alpha2.Pgpool
	secretText string
	certs      certs.State
}

func (fakeKind) Info() database.Info {
	return database.Info{
		Kind: "Pgpool", Name: naming.NamePgpool, Container: naming.ContainerPgpool, OpsKind: "PgpoolOpsRequest",
	}
}

func (fakeKind) New() database.Instance                                   { return fakeInstance{&kubedbv1alpha2.Pgpool{}} }
func (fakeKind) Default(database.Instance)                                {}
func (fakeKind) Probe(context.Context, database.Gathered) database.Health { return database.Health{} }

func (fakeKind) Validate(context.Context, database.Reader, database.Instance, database.Instance) ([]string, field.ErrorList) {
	return nil, nil
}

func (fakeKind) Gather(ctx context.Context, r database.Reader, in database.Instance) (database.Gathered, error) {
	pool := in.Object().(*kubedbv1alpha2.Pgpool)
	g := fakeGathered{pool: pool}
	if c := pool.Spec.Configuration; c != nil && c.SecretName != "" {
		var secret corev1.Secret
		err := r.Get(ctx, client.ObjectKey{Namespace: pool.Namespace, Name: c.SecretName}, &secret)
		if apierrors.IsNotFound(err) {
			return nil, database.WaitFor("Secret %s/%s: not found", pool.Namespace, c.SecretName)
		}
		if err != nil {
			return nil, err
		}
		g.secretText = string(secret.Data[file])
	}
	var err error
	if g.certs, err = lookAtCertificates(ctx, r, in); err != nil {
		return nil, err
	}
	return g, nil
}

func (g fakeGathered) text() string {
	text := "default=1\n"
	if v := g.pool.Spec.Version; v != presentVersion {
		text += sinceLine(v)
	}
	if g.pool.Spec.TLS != nil {
		text += tlsLine
	}
	if authority := g.pool.Annotations[authorityAnnotation]; authority != "" {
		text += "authority=" + authority + "\n"
	}
	text += g.secretText
	if c := g.pool.Spec.Configuration; c != nil {
		text += c.Inline[file]
	}
	return text
}

// Versions of the kind. Each has its own configuration file: a newer one has a line that older ones refuse.
const (
	presentVersion = "4.3.5"
	newVersion     = "4.6.1"
	// pickyVersion refuses any configuration when it is tried, missingVersion has no image, and deadVersion accepts the
	// configuration in a trial but comes up in no pod of the database.
	pickyVersion   = "4.6.2"
	missingVersion = "4.6.3"
	deadVersion    = "4.6.4"
	oldVersion     = "4.2.0"
)

func sinceLine(version string) string { return "since=" + version + "\n" }

func (fakeKind) Versions(context.Context, database.Reader) ([]database.CatalogVersion, error) {
	var catalog []database.CatalogVersion
	for _, v := range []string{presentVersion, newVersion, pickyVersion, missingVersion, deadVersion, oldVersion} {
		catalog = append(catalog, database.CatalogVersion{Name: v, Version: v, Allow: []string{">= " + v}})
	}
	return catalog, nil
}

func (fakeKind) Build(from database.Gathered) (database.Desired, error) {
	g := from.(fakeGathered)
	labels := naming.Offshoot(nil, naming.NamePgpool, g.pool.Name, naming.ComponentPooler)
	data := map[string][]byte{file: []byte(g.text())}
	pod := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: naming.ContainerPgpool, Image: "pgpool:" + g.pool.Spec.Version,
		}}},
	}
	desired := database.Desired{
		PetSets: groupsOf(g.pool),
		Config: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: g.pool.Namespace, Name: naming.ConfigSecret(g.pool.Name, string(g.pool.UID)), Labels: labels,
				Annotations: map[string]string{naming.AnnotationConfigHash: report.HashFiles(data)},
			},
			Data: data,
		},
		PetSet: &petsetv1.PetSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.pool.Namespace, Name: g.pool.Name, Labels: labels},
			Spec: petsetv1.PetSetSpec{
				Replicas: g.pool.Spec.Replicas, ServiceName: g.pool.Name + "-pods", Template: pod,
				Selector: &metav1.LabelSelector{MatchLabels: naming.Selector(naming.NamePgpool, g.pool.Name)},
			},
		},
	}
	if authority := g.pool.Annotations[authorityAnnotation]; authority != "" {
		desired.Secrets = []*corev1.Secret{{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.pool.Namespace, Name: credentialsName},
			Data:       map[string][]byte{"authority": []byte(authority)},
		}}
	}
	certificates := g.certs.Desired()
	certificates.AddTo(&desired)
	binding := blocks.Binding{
		Subject: blocks.For(fakeKind{}.Info(), fakeInstance{g.pool}), Type: appcatalogv1alpha1.AppTypePgpool, APIGroup: "kubedb.com",
		Version: g.pool.Spec.Version, Port: 9999, SSLMode: sharedv1.SSLModeDisable, AuthName: naming.AuthSecret(g.pool.Name),
	}
	if g.pool.Spec.TLS != nil && certificates.Published != nil {
		binding.SSLMode, binding.CABundle = sharedv1.SSLModeVerifyFull, certificates.Published.Data[naming.TLSCA]
	}
	desired.AppBinding = binding.Build()
	return desired, nil
}

// authorityAnnotation is whom to trust: something of which the configuration has the name, and the Secret credentialsName
// the content.
const (
	authorityAnnotation = "test/authority"
	credentialsName     = "db-credentials"
)

// groupAnnotation names a further PetSet.
const groupAnnotation = "test/group"

func groupsOf(pool *kubedbv1alpha2.Pgpool) []*petsetv1.PetSet {
	if pool.Annotations[groupAnnotation] == "" {
		return nil
	}
	return []*petsetv1.PetSet{{ObjectMeta: metav1.ObjectMeta{Namespace: pool.Namespace, Name: pool.Name + "-" + pool.Annotations[groupAnnotation]}}}
}

func (fakeKind) Members(pods []corev1.Pod) []database.Member {
	return database.MembersOf(pods, func(pod *corev1.Pod) string { return pod.Labels[naming.LabelRole] })
}

func (fakeKind) Operation(t opsv1alpha1.OpsRequestType) (database.OperationTexts, bool) {
	texts := database.OperationTexts{
		Start:        database.Text{Type: string(t), Message: "started"},
		Certificates: database.Text{Type: "CertificateSynced", Message: "certificates in force"},
		Objects:      database.Text{Type: "UpdatePetSets", Message: "objects of {database} written"},
		Reload:       database.Text{Type: "ReloadPods", Reason: "ReloadPodsSucceeded", Message: "reloaded"},
		Restart:      database.Text{Type: "RestartPods", Message: "restarted"},
		Database:     database.Text{Type: "UpdateDatabase", Message: "spec written"},
		Success:      database.Text{Type: "Successful", Message: "done by {request}"},
		PodChosen:    []string{"GetPod"},
		PodEvicted:   []string{"EvictPod"},
		PodBack:      []string{"CheckPodRunning"},
	}
	_, known := recipes()[t]
	return texts, known
}

func (fakeKind) Reconfigure(in database.Instance, change database.ConfigChange) (database.Instance, error) {
	out := in.DeepCopy()
	spec := &out.Object().(*kubedbv1alpha2.Pgpool).Spec
	if spec.Configuration == nil || change.Remove {
		spec.Configuration = &kubedbv1alpha2.PgpoolConfiguration{}
	}
	if change.SecretName != "" {
		spec.Configuration.SecretName = change.SecretName
	}
	if text, found := change.Apply[file]; found {
		spec.Configuration.Inline = map[string]string{file: mergeLines(spec.Configuration.Inline[file], text)}
	}
	if spec.Configuration.SecretName == "" && spec.Configuration.Inline == nil {
		spec.Configuration = nil
	}
	return out, nil
}

func (fakeKind) Check(from database.Gathered) conf.Problems {
	if strings.Contains(from.(fakeGathered).text(), "unknown=") {
		return conf.Problems{{Line: 2, Name: "unknown", Value: "1", Message: "no such parameter"}}
	}
	return nil
}

func (fakeKind) Compare(_ database.Gathered, before, after map[string][]byte) []database.ParameterChange {
	old, now := lines(before[file]), lines(after[file])
	names := map[string]bool{}
	for name := range old {
		names[name] = true
	}
	for name := range now {
		names[name] = true
	}
	var changes []database.ParameterChange
	for name := range names {
		if old[name] != now[name] {
			changes = append(changes, database.ParameterChange{
				File: file, Name: name, Old: old[name], New: now[name], Restart: takesRestart(name), Order: orderOf(name, old, now),
			})
		}
	}
	slices.SortFunc(changes, func(a, b database.ParameterChange) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// mergeLines lays the younger lines over the older ones, name by name.
func mergeLines(older, younger string) string {
	values := lines([]byte(younger))
	var b strings.Builder
	for line := range strings.Lines(older) {
		name, _, _ := strings.Cut(line, "=")
		if _, again := values[name]; !again {
			b.WriteString(line)
		}
	}
	return b.String() + younger
}

func lines(text []byte) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = value
	}
	return values
}
