package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "ops.kubedb.com", Version: "v1alpha1"}

// AddToScheme registers the types of this package in a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &PostgresOpsRequest{}, &PostgresOpsRequestList{}, &PgpoolOpsRequest{}, &PgpoolOpsRequestList{}, &PgBouncerOpsRequest{}, &PgBouncerOpsRequestList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

// Resource turns an unqualified resource name of this group into a qualified one.
func Resource(resource string) schema.GroupResource {
	return GroupVersion.WithResource(resource).GroupResource()
}
