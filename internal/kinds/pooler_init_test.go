package kinds

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

func TestAnInitSectionIsPendingUntilItIsMarkedAsDone(t *testing.T) {
	t.Parallel()
	give := func(object client.Object, init *sharedv1.InitSpec) bool {
		switch o := object.(type) {
		case *kubedbv1alpha2.Pgpool:
			o.Spec.Init = init
		case *kubedbv1.PgBouncer:
			o.Spec.Init = init
		case *kubedbv1.Postgres:
			o.Spec.Init = init
		default:
			return false
		}
		return true
	}
	for _, kind := range All("agent:1") {
		for want, init := range map[bool]*sharedv1.InitSpec{true: {}, false: {Initialized: true}} {
			in := kind.New()
			if !give(in.Object(), init) {
				t.Fatalf("%s has no spec.init that this test knows", kind.Info().Kind)
			}
			if in.Spec().InitPending != want {
				t.Errorf("%s with %+v: pending is %t", kind.Info().Kind, *init, !want)
			}
		}
	}
}
