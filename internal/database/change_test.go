package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

func TestAConfigChangeIsReadFromEveryKindOfRequest(t *testing.T) {
	t.Parallel()
	common := opsv1alpha1.ReconfigurationSpec{
		ConfigSecret: &corev1.LocalObjectReference{Name: "mine"}, ApplyConfig: map[string]string{"f": "a = 1"}, RemoveCustomConfig: true,
	}
	pool := &opsv1alpha1.PgpoolOpsRequest{}
	pool.Spec.Configuration = &opsv1alpha1.PgpoolReconfigurationSpec{ReconfigurationSpec: common}
	got, found := ConfigChangeOf(pool)
	want := ConfigChange{Remove: true, SecretName: "mine", Apply: map[string]string{"f": "a = 1"}, Section: pool.Spec.Configuration}
	if diff := cmp.Diff(want, got); !found || diff != "" {
		t.Errorf("found %v (-want +got):\n%s", found, diff)
	}
	for name, request := range map[string]opsv1alpha1.ReconfigureRequest{
		"Pgpool": &opsv1alpha1.PgpoolOpsRequest{}, "PgBouncer": &opsv1alpha1.PgBouncerOpsRequest{}, "Postgres": &opsv1alpha1.PostgresOpsRequest{},
	} {
		if change, found := ConfigChangeOf(request); found {
			t.Errorf("a request of %s without the section has the change %v", name, change)
		}
	}
}
