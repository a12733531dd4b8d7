package ops

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{
		AddToScheme: []func(*runtime.Scheme) error{kubedbv1.AddToScheme, kubedbv1alpha2.AddToScheme, opsv1alpha1.AddToScheme, appcatalogv1alpha1.AddToScheme},
		CertManager: true,
	}))
}
