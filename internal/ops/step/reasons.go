package step

// Reasons of the condition Failed.
const (
	// ReasonRejected: a server refuses the configuration.
	ReasonRejected = "ConfigurationRejected"
	// ReasonInvalid: what was asked for cannot be used, as far as it can be told without trying.
	ReasonInvalid = "InvalidRequest"
	// ReasonEdited: somebody else changed what the operation works on.
	ReasonEdited = "ChangedMeanwhile"
	// ReasonCertificates: a certificate that was issued cannot be used, or a server refuses it.
	ReasonCertificates = "CertificateUnusable"
	// ReasonTimeout: a step did not end within the request's timeout.
	ReasonTimeout = "TimedOut"
	// ReasonCancelled: the request was deleted while it was carried out.
	ReasonCancelled = "Cancelled"
	// ReasonDatabaseGone: the database was deleted, or never existed.
	ReasonDatabaseGone = "DatabaseNotFound"
	// ReasonUnsupported: the kind of database does not have the operation.
	ReasonUnsupported = "NotSupported"
	// ReasonImage: the image of the new version cannot be run.
	ReasonImage = "VersionNotRunnable"
	// ReasonHalted: the database is halted.
	ReasonHalted = "DatabaseHalted"
)

// TypeTryVersion: the new version was asked for its opinion of the configuration.
const TypeTryVersion = "TryVersion"

// TypeIntroduceClients: clients know what to trust, and so do the poolers in front.
const TypeIntroduceClients = "IntroduceClients"

// TypeReleaseClients: clients may come without TLS, and the poolers in front do.
const TypeReleaseClients = "ReleaseClients"

// TypeProveCertificates: a handshake with every member showed the certificate that it was given.
const TypeProveCertificates = "ProveCertificates"

// Conditions of a rollback.
const (
	// TypeRestoreCertificates: cert-manager is asked for the former certificates.
	TypeRestoreCertificates = "RestoreCertificates"
	// TypeRestoreDatabase: the database's spec is again what it was.
	TypeRestoreDatabase = "RestoreDatabase"
	// TypeRestoreConfiguration: the former configuration files and PetSets are written again.
	TypeRestoreConfiguration = "RestoreConfiguration"
	// TypeRestorePods: every member has the former state in force.
	TypeRestorePods = "RestorePods"
	// TypeRestorePod and TypeCheckPodRestored, with the name of a pod: it is replaced to go back, and has come back.
	TypeRestorePod       = "RestorePod"
	TypeCheckPodRestored = "CheckPodRestored"
	// TypeRestartPending: parameters wait for a restart that the request forbids.
	TypeRestartPending = "RestartPending"
)
