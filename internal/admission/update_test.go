package admission_test

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
)

// pgpoolCatalog makes versions under names of this test's own.
func pgpoolCatalog(t *testing.T) {
	t.Helper()
	image := catalogv1alpha1.Image{Image: "example.org/image:1"}
	for name, spec := range map[string]catalogv1alpha1.PgpoolVersionSpec{
		"up-4.1.4": {Version: "4.1.4"},
		"up-4.3.5": {Version: "4.3.5", UpdateConstraints: catalogv1alpha1.UpdateConstraints{
			Allowlist: []string{">= 4.3.5, < 4.7.0"}, Denylist: []string{"4.5.0"},
		}},
		"up-4.4.8": {Version: "4.4.8", Deprecated: true},
		"up-4.5.0": {Version: "4.5.0"},
		"up-4.6.1": {Version: "4.6.1"},
		"up-4.7.3": {Version: "4.7.3"},
	} {
		spec.Pgpool = image
		version := &catalogv1alpha1.PgpoolVersion{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
		if err := env.Client.Create(t.Context(), version); err != nil {
			t.Fatalf("create PgpoolVersion %s: %v", name, err)
		}
		t.Cleanup(func() { _ = env.Client.Delete(context.Background(), version) })
	}
}

func TestAnUpdateToAVersionThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	pgpoolCatalog(t)
	name := pool(t, ns)
	o := object(t, ns, strings.Replace(accepted["Pgpool"], "{name: pg, namespace: demo}", "{name: pg}", 1)+"metadata: {name: "+name+"2}\n")
	setField(t, o, "up-4.3.5", "spec", "version")
	if err := env.Client.Create(t.Context(), o); err != nil {
		t.Fatalf("create a Pgpool: %v", err)
	}
	update := func(section string) string {
		return strings.Replace(request("UpdateVersion", section), "{name: pp}", "{name: pp2}", 1)
	}
	for reason, c := range map[string]struct{ manifest, want string }{
		"no section":     {update(""), "`spec.updateVersion` nil not supported in UpdateVersion type"},
		"no version":     {update("updateVersion: {}"), "name a version of the catalog"},
		"the same":       {update("updateVersion: {targetVersion: up-4.3.5}"), "has this version already"},
		"absent":         {update("updateVersion: {targetVersion: up-9}"), `the catalog has no version "up-9"; allowed are`},
		"older":          {update("updateVersion: {targetVersion: up-4.1.4}"), "up-4.1.4 is older"},
		"deprecated":     {update("updateVersion: {targetVersion: up-4.4.8}"), "up-4.4.8 is deprecated"},
		"denied":         {update("updateVersion: {targetVersion: up-4.5.0}"), "denied by updateConstraints.denylist"},
		"not allowed":    {update("updateVersion: {targetVersion: up-4.7.3}"), "not in updateConstraints.allowlist"},
		"what it may be": {update("updateVersion: {targetVersion: up-4.7.3}"), "up-4.6.1"},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			refuses(t, env.Client.Create(t.Context(), object(t, ns, c.manifest)), c.want)
		})
	}
	create(t, ns, update("updateVersion: {targetVersion: up-4.6.1}"))
}
