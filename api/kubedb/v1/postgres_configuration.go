package v1

import (
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
)

// PostgresConfiguration is the user's configuration of a Postgres. Precedence, later wins: tuning, Secret, inline.
type PostgresConfiguration struct {
	sharedv1.ConfigurationSpec `json:",inline"`

	// Tuning computes settings from the resources of the members.
	// +optional
	Tuning *Tuning `json:"tuning,omitempty"`
}

// TuningProfile is the kind of work a server is tuned for.
// +kubebuilder:validation:Enum=web;oltp;dw;mixed;desktop
type TuningProfile string

const (
	// TuningProfileWeb: many short queries.
	TuningProfileWeb TuningProfile = "web"
	// TuningProfileOLTP: many short transactions.
	TuningProfileOLTP TuningProfile = "oltp"
	// TuningProfileDW: few large queries.
	TuningProfileDW TuningProfile = "dw"
	// TuningProfileMixed: both.
	TuningProfileMixed TuningProfile = "mixed"
	// TuningProfileDesktop: a server that shares its machine.
	TuningProfileDesktop TuningProfile = "desktop"
)

// DiskType is the kind of disk a server is tuned for.
// +kubebuilder:validation:Enum=ssd;hdd;san
type DiskType string

const (
	// DiskTypeSSD is a solid state disk.
	DiskTypeSSD DiskType = "ssd"
	// DiskTypeHDD is a rotating disk.
	DiskTypeHDD DiskType = "hdd"
	// DiskTypeSAN is network storage with many disks.
	DiskTypeSAN DiskType = "san"
)

// Tuning computes settings from the resources of the members.
type Tuning struct {
	// Profile is the kind of work.
	// +optional
	Profile TuningProfile `json:"profile,omitempty"`

	// MaxConnections to plan for.
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`

	// StorageType is the kind of disk.
	// +optional
	StorageType DiskType `json:"storageType,omitempty"`

	// DisableAutoTune switches tuning off.
	// +optional
	DisableAutoTune bool `json:"disableAutoTune,omitempty"`
}
