package database

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	petsetv1 "github.com/matriarchdb/matriarch/api/apps/v1"
)

// Desired holds the objects that an instance shall have, by role, complete with labels and without owner: the
// provisioner adds the owner reference. A nil field means that the kind has no such object.
type Desired struct {
	ServiceAccount *corev1.ServiceAccount
	Role           *rbacv1.Role
	RoleBinding    *rbacv1.RoleBinding
	// Governing is the headless Service that names the pods; Services are the others, the clients' one first.
	Governing *corev1.Service
	Services  []*corev1.Service
	// Config is the Secret naming.ConfigSecret: its keys are the server's final files, and the annotation
	// naming.AnnotationConfigHash is report.HashFiles of them.
	Config *corev1.Secret
	// TLS are the certificates; nil for an instance that has none and had none.
	TLS *TLS `json:",omitempty"`
	// Secrets are further generated Secrets, such as credential files.
	Secrets []*corev1.Secret
	// Lease is created if missing and never changed afterwards: its spec belongs to the agents.
	Lease client.Object
	// PetSet runs the members. PetSets are further ones, such as read replicas.
	PetSet  *petsetv1.PetSet
	PetSets []*petsetv1.PetSet
	// Budget is the PodDisruptionBudget of PetSet, Budgets are those of PetSets. Each is named and owned like its PetSet.
	Budget     client.Object
	Budgets    []client.Object
	AppBinding client.Object
	// Monitors are ServiceMonitors and the like, applied only where the cluster has the kind.
	Monitors []client.Object
	// Absent are objects that the present spec has no use for and that must not exist (only type, namespace and name
	// are set). They are deleted only if they carry the selector labels of the instance.
	Absent []client.Object
	// Lacks says what is missing and done without until it appears; empty for nothing. It becomes the condition
	// DatabaseDependencyReady=False, as Waiting does, but keeps nothing from being done.
	Lacks string
	// LeftOut says which database users the instance was asked to let in and cannot, and why.
	LeftOut []string
	// Recheck, when positive, asks for another Gather and Build after this time, for inputs that cannot be watched.
	Recheck time.Duration
}

// BudgetOf returns the PodDisruptionBudget of a PetSet, nil if it has none.
func (d *Desired) BudgetOf(petset string) client.Object {
	for _, budget := range append([]client.Object{d.Budget}, d.Budgets...) {
		if budget != nil && budget.GetName() == petset {
			return budget
		}
	}
	return nil
}
