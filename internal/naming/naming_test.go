package naming

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"
)

// names are all names that are made from that of a database object, by what they are for. Objects of one kind must not
// share a name; the kind is the part before the slash.
func names(db, uid string) map[string]string {
	return map[string]string{
		"Service/primary": db, "Service/governing": GoverningService(db), "Service/standby": StandbyService(db), "Service/stats": StatsService(db),
		"Service/read replicas": ReadReplicaService(db), "Service/group": ReadReplicaGroupService(db, "rr"), "Service/another group": ReadReplicaGroupService(db, "pods"),
		"Secret/auth": AuthSecret(db), "Secret/config": ConfigSecret(db, uid), "Secret/pcp": PCPSecret(db, uid), "Secret/backend": BackendSecret(db),
		"Secret/server": CertSecret(db, "server"), "Secret/client": CertSecret(db, "client"), "Secret/exporter": CertSecret(db, "metrics-exporter"),
		"Secret/source": SourceSecret(db), "Secret/tls": TLSSecret(db), "Lease/leader": LeaderLease(db),
	}
}

func TestEveryNameIsADNSLabelAndUniqueAmongItsKind(t *testing.T) {
	t.Parallel()
	for _, db := range []string{"a", "pg", "a-b-c", strings.Repeat("x", 63), strings.Repeat("x", 60)} {
		seen := map[string]string{}
		for what, name := range names(db, "0a1b2c3d-0000-0000-0000-0000004d5e6f") {
			if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
				t.Errorf("%s of %s is %q: %v", what, db, name, problems)
			}
			kind, _, _ := strings.Cut(what, "/")
			if other, taken := seen[kind+name]; taken {
				t.Errorf("%s and %s of %s have the same name %q", what, other, db, name)
			}
			seen[kind+name] = what
		}
	}
}

func TestNamesAreTheOnesThatScriptsLookFor(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Service/primary": "pg", "Service/governing": "pg-pods", "Service/standby": "pg-standby", "Service/stats": "pg-stats",
		"Service/read replicas": "pg-rr", "Service/group": "pg-rr-rr", "Service/another group": "pg-rr-pods",
		"Secret/auth": "pg-auth", "Secret/config": "pg-4d5e6f", "Secret/pcp": "pg-pcp-4d5e6f", "Secret/backend": "pg-backend",
		"Secret/server": "pg-server-cert", "Secret/client": "pg-client-cert", "Secret/exporter": "pg-metrics-exporter-cert",
		"Secret/source": "pg-source", "Secret/tls": "pg-tls-certs", "Lease/leader": "pg-leader",
	}
	if diff := cmp.Diff(want, names("pg", "0a1b2c3d-0000-0000-0000-0000004d5e6f")); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestASuffixThatIsTooLongByItselfIsNoReasonToPanic(t *testing.T) {
	t.Parallel()
	group := strings.Repeat("x", 70)
	if got := ReadReplicaGroupService("pg", group); got != "-rr-"+group {
		t.Errorf("got %q", got)
	}
}

func TestUID6(t *testing.T) {
	t.Parallel()
	for uid, want := range map[string]string{"0000004d5e6f": "4d5e6f", "abc": "abc", "": ""} {
		if got := UID6(uid); got != want {
			t.Errorf("UID6(%q) = %q, want %q", uid, got, want)
		}
	}
}

func TestWhichLabelsAreInherited(t *testing.T) {
	t.Parallel()
	user := map[string]string{
		"team": "a", "example.com/x": "b", "kubedb.com/role": "primary", "ops.kubedb.com/kind": "x",
		"app.kubernetes.io/name": "mine", "app.kubernetes.io/part-of": "shop",
	}
	want := map[string]string{
		"team": "a", "example.com/x": "b",
		LabelName: NamePostgres, LabelInstance: "pg", LabelManagedBy: ManagedBy, LabelComponent: ComponentDatabase,
	}
	if diff := cmp.Diff(want, Offshoot(user, NamePostgres, "pg", ComponentDatabase)); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if _, found := Selector(NamePostgres, "pg")[LabelComponent]; found {
		t.Error("the component is in a selector")
	}
}

func TestABackendIsNamedByNamespaceAndName(t *testing.T) {
	t.Parallel()
	keys := []string{BackendKey("a", "pg"), BackendKey("b", "pg"), BackendKey("a", "pg2"), BackendKey("a/pg", "")}
	for i, key := range keys {
		if problems := validation.IsValidLabelValue(key); len(problems) > 0 {
			t.Errorf("%q is no label value: %v", key, problems)
		}
		for _, other := range keys[:i] {
			if key == other {
				t.Errorf("two AppBindings share the key %q", key)
			}
		}
	}
}
