package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PostgresVersion is one version of PostgreSQL that can be run.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:path=postgresversions,singular=postgresversion,scope=Cluster,shortName=pgversion,categories={catalog,kubedb,appscode}
// +kubebuilder:printcolumn:name="Version",type="string",JSONPath=".spec.version"
// +kubebuilder:printcolumn:name="Distribution",type="string",JSONPath=".spec.distribution"
// +kubebuilder:printcolumn:name="DB_IMAGE",type="string",JSONPath=".spec.db.image"
// +kubebuilder:printcolumn:name="Deprecated",type="boolean",JSONPath=".spec.deprecated"
// +kubebuilder:printcolumn:name="Age",type="date",JSONPath=".metadata.creationTimestamp"
type PostgresVersion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// Spec is the version.
	// +optional
	Spec PostgresVersionSpec `json:"spec,omitzero"`
}

// PostgresVersionList is a list of PostgresVersion objects.
//
// +kubebuilder:object:root=true
type PostgresVersionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PostgresVersion `json:"items"`
}

// PostgresVersionSpec is one version of PostgreSQL.
type PostgresVersionSpec struct {
	// Version of the server, as a semantic version.
	// +required
	Version string `json:"version,omitempty"`

	// EndOfLife says that the PostgreSQL project no longer maintains it.
	// +optional
	EndOfLife bool `json:"endOfLife,omitempty"`

	// Deprecated refuses new databases of this version.
	// +optional
	Deprecated bool `json:"deprecated,omitempty"`

	// Distribution is who made the image; an update does not leave it.
	// +optional
	Distribution PostgresDistribution `json:"distribution,omitempty"`

	// DB is the server's image.
	// +required
	DB PostgresImage `json:"db,omitzero"`

	// Coordinator is the image of a sidecar that is not used here; required for compatibility.
	// +required
	Coordinator Image `json:"coordinator,omitzero"`

	// Exporter is the image of the metrics exporter.
	// +required
	Exporter Image `json:"exporter,omitzero"`

	// InitContainer is the image of an init container that is not used here.
	// +optional
	InitContainer Image `json:"initContainer,omitzero"`

	// GitSyncer is the image of git-sync.
	// +optional
	GitSyncer Image `json:"gitSyncer,omitzero"`

	// PodSecurityPolicies is accepted and ignored; required for compatibility.
	// +required
	PodSecurityPolicies PodSecurityPolicies `json:"podSecurityPolicies,omitzero"`

	// SecurityContext says which user the image is made for.
	// +optional
	SecurityContext SecurityContext `json:"securityContext,omitzero"`

	// UpdateConstraints says which versions this one can be updated to.
	// +optional
	UpdateConstraints UpdateConstraints `json:"updateConstraints,omitzero"`

	// TLS says how this version differs in TLS.
	// +optional
	TLS *VersionTLS `json:"tls,omitempty"`

	// Archiver says how this version is archived.
	// +optional
	Archiver ArchiverSpec `json:"archiver,omitzero"`

	// Stash is the add-on of a backup tool.
	// +optional
	Stash StashAddon `json:"stash,omitzero"`

	// Courier is a migration tool.
	// +optional
	Courier *CourierSpec `json:"courier,omitempty"`

	// UI are charts of user interfaces.
	// +optional
	UI []ChartInfo `json:"ui,omitempty"`
}

// PostgresDistribution is who made a PostgreSQL image.
// +kubebuilder:validation:Enum=Official;TimescaleDB;PostGIS;KubeDB;DocumentDB;PostgreSQL;Percona
type PostgresDistribution string

const (
	// PostgresDistributionOfficial is the image of the Docker community.
	PostgresDistributionOfficial PostgresDistribution = "Official"
	// PostgresDistributionTimescaleDB has TimescaleDB.
	PostgresDistributionTimescaleDB PostgresDistribution = "TimescaleDB"
	// PostgresDistributionPostGIS has PostGIS.
	PostgresDistributionPostGIS PostgresDistribution = "PostGIS"
	// PostgresDistributionKubeDB has a set of extensions.
	PostgresDistributionKubeDB PostgresDistribution = "KubeDB"
	// PostgresDistributionDocumentDB has DocumentDB.
	PostgresDistributionDocumentDB PostgresDistribution = "DocumentDB"
	// PostgresDistributionPostgreSQL is a plain build.
	PostgresDistributionPostgreSQL PostgresDistribution = "PostgreSQL"
	// PostgresDistributionPercona is Percona's build.
	PostgresDistributionPercona PostgresDistribution = "Percona"
)

// PostgresImage is an image of PostgreSQL.
type PostgresImage struct {
	// Image is the reference.
	// +required
	Image string `json:"image,omitempty"`

	// BaseOS is the distribution that the image stands on. An update does not leave it, because another C library
	// sorts text differently.
	// +optional
	BaseOS string `json:"baseOS,omitempty"`
}

// PodSecurityPolicies names policies that Kubernetes no longer has.
type PodSecurityPolicies struct {
	// DatabasePolicyName is the policy of the database's pods.
	// +required
	DatabasePolicyName string `json:"databasePolicyName,omitempty"`
}

// VersionTLS says how a version differs in TLS.
type VersionTLS struct {
	// DisableSSLSessionResumption turns session tickets off.
	// +optional
	DisableSSLSessionResumption bool `json:"disableSSLSessionResumption,omitempty"`
}

// ArchiverSpec says how a version is archived.
type ArchiverSpec struct {
	// WalG is the image of WAL-G.
	// +optional
	WalG Image `json:"walg,omitzero"`

	// Addon is the backup add-on.
	// +optional
	Addon *ArchiverAddon `json:"addon,omitempty"`
}

// ArchiverAddon is a backup add-on and its tasks.
type ArchiverAddon struct {
	// Name of the add-on.
	// +optional
	// +kubebuilder:validation:Enum=mongodb-addon;postgres-addon;mysql-addon;mariadb-addon;mssqlserver-addon;clickhouse-addon
	Name string `json:"name,omitempty"`

	// Tasks of the add-on.
	// +optional
	Tasks ArchiverTasks `json:"tasks,omitzero"`
}

// ArchiverTasks are the tasks of a backup add-on.
type ArchiverTasks struct {
	// VolumeSnapshot takes a snapshot of the volume.
	// +optional
	VolumeSnapshot *TaskReference `json:"volumeSnapshot,omitempty"`

	// ManifestBackup saves manifests.
	// +optional
	ManifestBackup *TaskReference `json:"manifestBackup,omitempty"`

	// ManifestRestore restores manifests.
	// +optional
	ManifestRestore *TaskReference `json:"manifestRestore,omitempty"`

	// FullBackup takes a base backup.
	// +optional
	FullBackup *TaskReference `json:"fullBackup,omitempty"`

	// FullBackupRestore restores a base backup.
	// +optional
	FullBackupRestore *TaskReference `json:"fullBackupRestore,omitempty"`

	// IncBackupRestore restores an incremental backup.
	// +optional
	IncBackupRestore *TaskReference `json:"incBackupRestore,omitempty"`
}

// TaskReference names a task.
type TaskReference struct {
	// Name of the task.
	// +required
	Name string `json:"name,omitempty"`
}

// StashAddon is the add-on of a backup tool.
type StashAddon struct {
	// Addon is the pair of tasks.
	// +optional
	Addon *StashTasks `json:"addon,omitempty"`
}

// StashTasks is a pair of tasks.
type StashTasks struct {
	// BackupTask saves.
	// +required
	BackupTask StashTask `json:"backupTask,omitzero"`

	// RestoreTask restores.
	// +required
	RestoreTask StashTask `json:"restoreTask,omitzero"`
}

// StashTask is a task with parameters.
type StashTask struct {
	// Name of the task.
	// +required
	Name string `json:"name,omitempty"`

	// Params of the task.
	// +optional
	Params []StashParam `json:"params,omitempty"`
}

// StashParam is a parameter of a task. The value is always written because an empty one may be meant.
type StashParam struct {
	// Name of the parameter.
	// +required
	Name string `json:"name,omitempty"`

	// Value of the parameter.
	// +required
	Value string `json:"value"`
}

// CourierSpec are the images of a migration tool.
type CourierSpec struct {
	// CLI is the tool.
	// +optional
	CLI Image `json:"cli,omitzero"`

	// StatusReporter reports its progress.
	// +optional
	StatusReporter Image `json:"statusReporter,omitzero"`
}
