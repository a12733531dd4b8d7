package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// OpsRequest is what every kind of request has. Base and RequestStatus point into the object.
//
// +kubebuilder:object:generate=false
type OpsRequest interface {
	metav1.Object
	runtime.Object

	// Base is the part of the spec that every request has.
	Base() *RequestBase
	// RequestType is spec.type.
	RequestType() OpsRequestType
	// RequestStatus is the status.
	RequestStatus() *OpsRequestStatus
}

var (
	_ OpsRequest = (*PostgresOpsRequest)(nil)
	_ OpsRequest = (*PgpoolOpsRequest)(nil)
	_ OpsRequest = (*PgBouncerOpsRequest)(nil)
)

// Base is the part of the spec that every request has.
func (r *PostgresOpsRequest) Base() *RequestBase { return &r.Spec.RequestBase }

// RequestType is spec.type.
func (r *PostgresOpsRequest) RequestType() OpsRequestType { return r.Spec.Type }

// RequestStatus is the status.
func (r *PostgresOpsRequest) RequestStatus() *OpsRequestStatus { return &r.Status }

// Base is the part of the spec that every request has.
func (r *PgpoolOpsRequest) Base() *RequestBase { return &r.Spec.RequestBase }

// RequestType is spec.type.
func (r *PgpoolOpsRequest) RequestType() OpsRequestType { return r.Spec.Type }

// RequestStatus is the status.
func (r *PgpoolOpsRequest) RequestStatus() *OpsRequestStatus { return &r.Status }

// Base is the part of the spec that every request has.
func (r *PgBouncerOpsRequest) Base() *RequestBase { return &r.Spec.RequestBase }

// RequestType is spec.type.
func (r *PgBouncerOpsRequest) RequestType() OpsRequestType { return r.Spec.Type }

// RequestStatus is the status.
func (r *PgBouncerOpsRequest) RequestStatus() *OpsRequestStatus { return &r.Status }
