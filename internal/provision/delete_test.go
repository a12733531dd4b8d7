package provision

import (
	"fmt"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/naming"
)

func TestWhatADeletionLeaves(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy        sharedv1.DeletionPolicy
		data, secrets bool // whether they stay
		propagation   metav1.DeletionPropagation
	}{
		{sharedv1.DeletionPolicyDoNotTerminate, true, true, metav1.DeletePropagationBackground}, // got past the webhook
		{sharedv1.DeletionPolicyHalt, true, true, metav1.DeletePropagationBackground},
		{sharedv1.DeletionPolicyHalt, true, true, metav1.DeletePropagationForeground},
		{sharedv1.DeletionPolicyDelete, false, true, metav1.DeletePropagationBackground},
		{sharedv1.DeletionPolicyDelete, false, true, metav1.DeletePropagationForeground},
		{sharedv1.DeletionPolicyWipeOut, false, false, metav1.DeletePropagationBackground},
	} {
		t.Run(fmt.Sprintf("%s %s", test.policy, test.propagation), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.kubelet.Serve(t)
			w.create(replicas(2), policy(test.policy))
			w.becomes(sharedv1.PhaseReady)
			config := naming.ConfigSecret("db", string(w.instance().UID))
			w.delete(client.PropagationPolicy(test.propagation))

			w.goes(&pgBouncer{}, "db")
			for _, o := range []client.Object{
				&petsetv1.PetSet{}, &corev1.Service{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{}, &appcatalogv1alpha1.AppBinding{},
			} {
				w.goes(o, "db")
			}
			w.goes(&corev1.Pod{}, "db-1")
			w.goes(&corev1.Secret{}, config)
			w.stays(test.data, &corev1.PersistentVolumeClaim{}, "data-db-0")
			w.stays(test.data, &corev1.PersistentVolumeClaim{}, "data-db-1")
			w.stays(test.data, &coordinationv1.Lease{}, "db-leader")
			w.stays(test.secrets, &corev1.Secret{}, "db-auth")
			w.stays(test.secrets, &corev1.Secret{}, "db-extra")
		})
	}
}

func (w *world) stays(stay bool, o client.Object, name string) {
	w.Helper()
	if !stay {
		w.goes(o, name)
		return
	}
	env.Collect(w, w.ns)
	if err := w.find(o, name); err != nil {
		w.Errorf("%T %s was to stay: %v", o, name, err)
	} else if o.GetDeletionTimestamp() != nil || len(o.GetOwnerReferences()) > 0 {
		w.Errorf("%T %s is going: owners %v", o, name, o.GetOwnerReferences())
	}
}

func TestARecreatedInstanceTakesUpDataAndCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(policy(sharedv1.DeletionPolicyHalt))
	w.becomes(sharedv1.PhaseReady)
	claim, secret := &corev1.PersistentVolumeClaim{}, &corev1.Secret{}
	w.exists(claim, "data-db-0")
	w.exists(secret, "db-auth")
	w.delete()
	w.goes(&pgBouncer{}, "db")
	w.goes(&corev1.Pod{}, "db-0")
	w.create()
	w.becomes(sharedv1.PhaseReady)
	claimNow, secretNow := &corev1.PersistentVolumeClaim{}, &corev1.Secret{}
	w.exists(claimNow, "data-db-0")
	w.exists(secretNow, "db-auth")
	if claimNow.UID != claim.UID || string(secretNow.Data["password"]) != string(secret.Data["password"]) {
		t.Error("the instance did not take up what its predecessor left")
	}
}

func TestWipeOutSparesWhatOthersUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(policy(sharedv1.DeletionPolicyWipeOut), func(p *pgBouncer) { p.Spec.AuthSecret = &sharedv1.AuthSecret{Name: "shared"} })
	w.becomes(sharedv1.PhaseReady)
	other := w.instance().DeepCopy()
	other.ObjectMeta = metav1.ObjectMeta{Namespace: w.ns, Name: "other", Annotations: map[string]string{}}
	w.make(other)
	w.delete()
	w.goes(&pgBouncer{}, "db")
	w.stays(true, &corev1.Secret{}, "shared")
}

func TestHaltingLeavesDataAndCredentialsAndResumingBringsTheRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(replicas(2), func(p *pgBouncer) {
		p.Spec.ServiceTemplates = []sharedv1.NamedServiceTemplateSpec{{Alias: sharedv1.ServiceAliasPrimary,
			ServiceTemplateSpec: sharedv1.ServiceTemplateSpec{ObjectMeta: sharedv1.ObjectMeta{
				Annotations: map[string]string{naming.AnnotationKeepOn: "halt"}}}}}
	})
	w.becomes(sharedv1.PhaseReady)
	w.change(halted(true), policy(sharedv1.DeletionPolicyHalt))
	for _, o := range []client.Object{
		&petsetv1.PetSet{}, &corev1.ServiceAccount{}, &rbacv1.Role{}, &rbacv1.RoleBinding{}, &appcatalogv1alpha1.AppBinding{},
	} {
		w.goes(o, "db")
	}
	w.goes(&corev1.Service{}, "db-pods")
	w.goes(&corev1.Pod{}, "db-0")
	w.becomes(sharedv1.PhaseHalted)
	for name, o := range map[string]client.Object{
		"db": &corev1.Service{}, "data-db-0": &corev1.PersistentVolumeClaim{}, "db-auth": &corev1.Secret{}, "db-extra": &corev1.Secret{},
	} {
		w.exists(o, name)
	}
	w.change(halted(false))
	w.becomes(sharedv1.PhaseReady)
}

func TestAnInstanceIsDeletedWhileAnOperationHasIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kubelet.Serve(t)
	w.create(policy(sharedv1.DeletionPolicyWipeOut))
	w.becomes(sharedv1.PhaseReady)
	w.pause(true)
	w.delete()
	w.goes(&petsetv1.PetSet{}, "db")
	w.goes(&pgBouncer{}, "db")
	w.goes(&corev1.Secret{}, "db-auth")
}
