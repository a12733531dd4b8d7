package kube_test

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/testenv"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{AddToScheme: []func(*runtime.Scheme) error{
		kubedbv1.AddToScheme, appcatalogv1alpha1.AddToScheme,
	}}))
}

// ours is the label of the objects that the cache of these tests holds.
var ours = map[string]string{"test": "ours"}

// restricted caches only what is ours, as the operator does.
func restricted() map[client.Object]cache.ByObject {
	only := cache.ByObject{Label: labels.SelectorFromSet(ours)}
	return map[client.Object]cache.ByObject{&corev1.Secret{}: only, &corev1.Service{}: only}
}
