package step

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func pool(change func(*kubedbv1alpha2.PgpoolSpec)) *kubedbv1alpha2.Pgpool {
	p := &kubedbv1alpha2.Pgpool{
		ObjectMeta: metav1.ObjectMeta{Name: "db", UID: "u"},
		Spec: kubedbv1alpha2.PgpoolSpec{
			Version: "4.3", Replicas: ptr.To[int32](2), PostgresRef: sharedv1.ObjectReference{Name: "pg"},
		},
	}
	change(&p.Spec)
	return p
}

func inline(text string) func(*kubedbv1alpha2.PgpoolSpec) {
	return func(s *kubedbv1alpha2.PgpoolSpec) {
		s.Configuration = &kubedbv1alpha2.PgpoolConfiguration{ConfigurationSpec: sharedv1.ConfigurationSpec{
			Inline: map[string]string{"pgpool.conf": text},
		}}
	}
}

func none(*kubedbv1alpha2.PgpoolSpec) {}

func TestOnlyWhatChangesIsRemembered(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before, after         func(*kubedbv1alpha2.PgpoolSpec)
		wantBefore, wantAfter string
	}{
		"nothing": {none, none, `{}`, `{}`},
		"added":   {none, inline("a=1"), `{}`, `{"configuration":{"inline":{"pgpool.conf":"a=1"}}}`},
		"removed": {inline("a=1"), none, `{"configuration":{"inline":{"pgpool.conf":"a=1"}}}`, `{}`},
		"changed": {
			inline("a=1"), inline("a=2"),
			`{"configuration":{"inline":{"pgpool.conf":"a=1"}}}`, `{"configuration":{"inline":{"pgpool.conf":"a=2"}}}`,
		},
		"a number": {
			none, func(s *kubedbv1alpha2.PgpoolSpec) { s.Replicas = ptr.To[int32](3) }, `{"replicas":2}`, `{"replicas":3}`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, err := Changed(pool(tc.before), pool(tc.after))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.wantBefore, tc.wantAfter}, []string{string(before.Raw), string(after.Raw)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPartsGoThereAndBackAndLeaveTheRestAlone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*kubedbv1alpha2.PgpoolSpec){
		"set": inline("a=2"), "removed": none, "number": func(s *kubedbv1alpha2.PgpoolSpec) {
			inline("a=1")(s)
			s.Replicas = ptr.To[int32](9)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := pool(inline("a=1")), pool(change)
			before, after, err := Changed(from, to)
			if err != nil {
				t.Fatal(err)
			}
			names := PartNames(before, after)
			from.Spec.Version, to.Spec.Version = "4.6", "4.6" // somebody edits another field meanwhile
			forth, back := &kubedbv1alpha2.Pgpool{}, &kubedbv1alpha2.Pgpool{}
			if err := setParts(from, forth, names, after); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(to, forth); diff != "" {
				t.Errorf("forth: %s", diff)
			}
			if err := setParts(forth, back, names, before); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(from, back); diff != "" {
				t.Errorf("back: %s", diff)
			}
		})
	}
}

func TestSelectedPartsAreCompared(t *testing.T) {
	t.Parallel()
	selected, err := Select(pool(inline("a=1")), []string{"configuration", "tls"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`{"configuration": {"inline": {"pgpool.conf": "a=1"}}}`: true,
		`{"configuration":{"inline":{"pgpool.conf":"a=2"}}}`:    false,
		`{}`: false,
	} {
		if got, err := Same(selected, &Parts{Raw: []byte(text)}); err != nil || got != want {
			t.Errorf("%s: same %t, %v", text, got, err)
		}
	}
	if _, err := Same(selected, &Parts{Raw: []byte(`{`)}); err == nil {
		t.Error("broken JSON is no error")
	}
}

func TestWhatIsNullCountsAsAbsent(t *testing.T) {
	t.Parallel()
	before, after := &kubedbv1alpha2.Pgpool{}, &kubedbv1alpha2.Pgpool{}
	after.Spec.TLS = &sharedv1.TLSConfig{IssuerRef: &corev1.TypedLocalObjectReference{Kind: "Issuer", Name: "ca"}}
	_, parts, err := Changed(before, after)
	if err != nil || strings.Contains(string(parts.Raw), "null") {
		t.Errorf("the changed parts are %s (%v)", parts.Raw, err)
	}
}
