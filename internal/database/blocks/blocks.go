// Package blocks builds the objects that every database kind has: pods with the agent in them, PetSet, Services,
// service account and role, AppBinding, disruption budget, exporter and configuration Secret. All of it is pure except
// Look, which reads what exists. A kind says what is its own and calls these for the rest.
package blocks

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Subject is the instance whose objects are built.
type Subject struct {
	Info   database.Info
	Object metav1.Object
}

// For returns the Subject of an instance.
func For(info database.Info, in database.Instance) Subject {
	return Subject{Info: info, Object: in.Object()}
}

// Name is the instance's name, and that of its PetSet, client Service and AppBinding.
func (s Subject) Name() string { return s.Object.GetName() }

// Namespace is the namespace of the instance and of all its objects.
func (s Subject) Namespace() string { return s.Object.GetNamespace() }

// Selector returns the labels that select everything of the instance.
func (s Subject) Selector() map[string]string { return naming.Selector(s.Info.Name, s.Name()) }

// Labels returns the labels of a child object, with the given ones on top.
func (s Subject) Labels(extra ...map[string]string) map[string]string {
	labels := naming.Offshoot(s.Object.GetLabels(), s.Info.Name, s.Name(), s.Info.Component)
	for _, more := range extra {
		maps.Copy(labels, more)
	}
	return labels
}

// Meta returns the metadata of a child object.
func (s Subject) Meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.Namespace(), Name: name, Labels: s.Labels()}
}

// Ref returns bare metadata, for Desired.Absent.
func (s Subject) Ref(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.Namespace(), Name: name}
}

// inheritable returns the labels that a user's template may add to a child: those that the instance's own labels may.
func (s Subject) inheritable(user map[string]string) map[string]string {
	return naming.Offshoot(user, s.Info.Name, s.Name(), s.Info.Component)
}
