package v1alpha1

// The conditions of a request are its journal for people. The first one carries the type of the operation; then comes
// one per step, or per step and pod with the pod's name after PodSeparator; the last one is Successful, Failed or
// Skipped. A step's condition is False while the step is under way and True when it is done.

// PodSeparator stands between a step and the pod that it was carried out on, as in RestartPod--db-1.
const PodSeparator = "--"

// Condition types that frame every operation. Where no reason is given below, the reason is the type.
const (
	// ConditionRunning is True from the start of an operation on a PgBouncer.
	ConditionRunning = "Running"
	// ConditionProgressing is True from the start of some operations on a Postgres.
	ConditionProgressing = "Progressing"
	// ConditionDatabasePauseSucceeded is True once the provisioner leaves the database to the operation.
	ConditionDatabasePauseSucceeded = "DatabasePauseSucceeded"
	// ConditionSuccessful is True at the end of an operation that did all it was asked for.
	ConditionSuccessful = "Successful"
	// ConditionFailed is True at the end of an operation that gave up; the message says why and what is in force.
	ConditionFailed = "Failed"
	// ConditionSkipped is True when a request was not carried out because another took its place.
	ConditionSkipped = "Skipped"
	// ConditionMergedFromOps is True on a request that several pending Reconfigures were merged into; the message
	// lists them.
	ConditionMergedFromOps = "MergedFromOps"
	// ConditionOriginalOpsSkipped is True once those are Skipped; the merged request waits for it.
	ConditionOriginalOpsSkipped = "OriginalOpsSkipped"
)

// Reasons that differ from the condition's type.
const (
	// ReasonConfigurationMerged goes with Skipped and MergedFromOps.
	ReasonConfigurationMerged = "ConfigurationMerged"
	// ReasonHorizontalScaleStarted goes with HorizontalScale of a PgBouncer.
	ReasonHorizontalScaleStarted = "HorizontalScaleStarted"
	// ReasonHorizontalScaleSucceeded goes with HorizontalScaleUp and HorizontalScaleDown of a PgBouncer.
	ReasonHorizontalScaleSucceeded = "HorizontalScaleSucceeded"
	// ReasonVerticalScaleSucceeded goes with VerticalScale of a PgBouncer.
	ReasonVerticalScaleSucceeded = "VerticalScaleSucceeded"
	// ReasonRestartPodsSucceeded goes with RestartPods of a PgBouncer.
	ReasonRestartPodsSucceeded = "RestartPodsSucceeded"
	// ReasonReloadPodsSucceeded goes with ReloadPods of a PgBouncer.
	ReasonReloadPodsSucceeded = "ReloadPodsSucceeded"
)

// Condition types of steps that concern the request as a whole.
const (
	// ConditionUpdatePetSets: the PetSets have the new template.
	ConditionUpdatePetSets = "UpdatePetSets"
	// ConditionUpdateDatabase: the spec of the database says what was asked for.
	ConditionUpdateDatabase = "UpdateDatabase"
	// ConditionRestartPods: the members were restarted where it was necessary (poolers).
	ConditionRestartPods = "RestartPods"
	// ConditionRestartNodes: every member was restarted.
	ConditionRestartNodes = "RestartNodes"
	// ConditionReloadPods: the members took the change by a reload.
	ConditionReloadPods = "ReloadPods"
	// ConditionUpdateCredential: the Secret has the new credentials.
	ConditionUpdateCredential = "UpdateCredential"
	// ConditionUpdateBackendSecret: the Secret with a PgBouncer's users is up to date.
	ConditionUpdateBackendSecret = "UpdateBackendSecret"
	// ConditionHorizontalScale: the number of members is being changed.
	ConditionHorizontalScale = "HorizontalScale"
	// ConditionHorizontalScaleUp: members were added (poolers).
	ConditionHorizontalScaleUp = "HorizontalScaleUp"
	// ConditionHorizontalScaleDown: members were removed (poolers).
	ConditionHorizontalScaleDown = "HorizontalScaleDown"
	// ConditionScalingUp: members were added (Postgres).
	ConditionScalingUp = "ScalingUp"
	// ConditionScalingDown: members were removed (Postgres).
	ConditionScalingDown = "ScalingDown"
	// ConditionVerticalScale: the resources were changed (PgBouncer).
	ConditionVerticalScale = "VerticalScale"
	// ConditionUpdatePetSetResources: the PetSets have the new resources (Postgres).
	ConditionUpdatePetSetResources = "UpdatePetSetResources"
	// ConditionVersionUpdate: every member runs the new version (PgBouncer).
	ConditionVersionUpdate = "VersionUpdate"
	// ConditionUpdatePrimaryImage: the primary runs the new version (Postgres).
	ConditionUpdatePrimaryImage = "UpdatePrimaryImage"
	// ConditionUpdateStandbyPodImage: the standbys run the new version (Postgres).
	ConditionUpdateStandbyPodImage = "UpdateStandbyPodImage"
	// ConditionUpdatePetSetImage: the PetSet has the new image (Postgres).
	ConditionUpdatePetSetImage = "UpdatePetSetImage"
	// ConditionDataDirectoryInitialized: pg_upgrade has a data directory to write to.
	ConditionDataDirectoryInitialized = "DataDirectoryInitialized"
	// ConditionPgUpdated: pg_upgrade has filled it.
	ConditionPgUpdated = "Pgupdated"
	// ConditionReplacedDataDirectory: it has taken the place of the old one.
	ConditionReplacedDataDirectory = "ReplacedDataDirectory"
	// ConditionTransferLeader: the primary role was handed over.
	ConditionTransferLeader = "TransferLeader"
	// ConditionFailoverDone: the new primary serves.
	ConditionFailoverDone = "FailoverDone"
	// ConditionVolumeExpansion: the volumes have the new size.
	ConditionVolumeExpansion = "VolumeExpansion"
	// ConditionReadyPetSets: the PetSets were made anew with the new size.
	ConditionReadyPetSets = "ReadyPetSets"
	// ConditionIssueCertificatesSucceeded: cert-manager was asked for new certificates.
	ConditionIssueCertificatesSucceeded = "IssueCertificatesSucceeded"
	// ConditionCertificateSynced: the Secrets have them.
	ConditionCertificateSynced = "CertificateSynced"
)

// Condition types of steps on one pod, followed by PodSeparator and the pod's name.
const (
	// ConditionGetPod: the pod was looked up, or is gone where it had to go.
	ConditionGetPod = "GetPod"
	// ConditionEvictPod: the pod was evicted.
	ConditionEvictPod = "EvictPod"
	// ConditionCheckPodRunning: its successor runs.
	ConditionCheckPodRunning = "CheckPodRunning"
	// ConditionCheckPodReady: its successor is ready.
	ConditionCheckPodReady = "CheckPodReady"
	// ConditionCheckReplicaFunc: its successor does its part in the cluster.
	ConditionCheckReplicaFunc = "CheckReplicaFunc"
	// ConditionCheckPgBouncerRunning: its successor answers as a PgBouncer.
	ConditionCheckPgBouncerRunning = "CheckPgBouncerRunning"
	// ConditionVolumeMountCheck: the pod sees the new configuration.
	ConditionVolumeMountCheck = "VolumeMountCheck"
	// ConditionReloadConfig: the server took the new configuration by a reload.
	ConditionReloadConfig = "ReloadConfig"
	// ConditionPatchPetSet: the PetSet was given one member more or less (Pgpool).
	ConditionPatchPetSet = "PatchPetset"
	// ConditionPatchPS: the PetSet was given one member more or less (PgBouncer).
	ConditionPatchPS = "PatchPS"
	// ConditionIsPodReady: a new pod is ready (Pgpool).
	ConditionIsPodReady = "IsPodReady"
	// ConditionIsNodeHealthy: a new pod serves (Pgpool).
	ConditionIsNodeHealthy = "IsNodeHealthy"
	// ConditionIsPgBouncerRunning: a new pod serves (PgBouncer).
	ConditionIsPgBouncerRunning = "IsPgBouncerRunning"
)
