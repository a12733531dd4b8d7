package provision

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestWhatAPolicyMeans(t *testing.T) {
	t.Parallel()
	for policy, want := range map[sharedv1.DeletionPolicy]legacy{
		sharedv1.DeletionPolicyDoNotTerminate: {data: keep, secrets: keep},
		sharedv1.DeletionPolicyHalt:           {data: keep, secrets: keep},
		sharedv1.DeletionPolicyDelete:         {data: wipe, secrets: keep},
		sharedv1.DeletionPolicyWipeOut:        {data: wipe, secrets: wipe},
		"":                                    {data: wipe, secrets: keep},
	} {
		if got := legacyOf(policy); got != want {
			t.Errorf("%q leaves %+v, want %+v", policy, got, want)
		}
	}
}

func TestWhichSecretsMayBeWiped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason   string
		manager  string
		external bool
		used     bool
		want     bool
	}{
		{"ours", naming.ManagedBy, false, false, true},
		{"managed elsewhere", naming.ManagedBy, true, false, false},
		{"used by another instance", naming.ManagedBy, false, true, false},
		{"somebody else's", "helm", false, false, false},
		{"nobody's", "", false, false, false},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Labels: map[string]string{naming.LabelManagedBy: test.manager}}}
		if got := wipeable(secret, test.external, map[string]bool{"s": test.used}); got != test.want {
			t.Errorf("%s: wipeable is %t", test.reason, got)
		}
	}
}
