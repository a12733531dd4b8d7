package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TLSConfig says who issues the certificates and how they differ from the defaults. Its presence turns TLS on.
type TLSConfig struct {
	// IssuerRef is the cert-manager Issuer or ClusterIssuer.
	// +optional
	IssuerRef *corev1.TypedLocalObjectReference `json:"issuerRef,omitempty"`

	// Certificates are changes to single certificates, by alias.
	// +optional
	Certificates []CertificateSpec `json:"certificates,omitempty"`
}

// Aliases of certificates. Certificate and Secret are named <object>-<alias>-cert unless a name is given.
const (
	// CertificateAliasServer is the certificate that clients see.
	CertificateAliasServer = "server"
	// CertificateAliasClient is the certificate that the administrator and replication log in with.
	CertificateAliasClient = "client"
	// CertificateAliasMetricsExporter is the certificate of the exporter.
	CertificateAliasMetricsExporter = "metrics-exporter"
	// CertificateAliasArchiver is the certificate of the WAL archiver.
	CertificateAliasArchiver = "archiver"
)

// CertificateSpec is what a user may say about one certificate.
type CertificateSpec struct {
	// Alias is the certificate meant.
	// +required
	Alias string `json:"alias,omitempty"`

	// IssuerRef overrides the issuer for this certificate.
	// +optional
	IssuerRef *corev1.TypedLocalObjectReference `json:"issuerRef,omitempty"`

	// SecretName is the Secret that holds the certificate.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// Subject of the certificate; the common name is the operator's.
	// +optional
	Subject *X509Subject `json:"subject,omitempty"`

	// Duration is the lifetime asked for.
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// RenewBefore is how long before expiry it is renewed.
	// +optional
	RenewBefore *metav1.Duration `json:"renewBefore,omitempty"`

	// DNSNames are added to those of the Services and pods.
	// +optional
	DNSNames []string `json:"dnsNames,omitempty"`

	// IPAddresses are added to the loopback addresses.
	// +optional
	IPAddresses []string `json:"ipAddresses,omitempty"`

	// URIs are URI alternative names.
	// +optional
	URIs []string `json:"uris,omitempty"`

	// EmailAddresses are email alternative names.
	// +optional
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// PrivateKey says how the key is written.
	// +optional
	PrivateKey *CertificatePrivateKey `json:"privateKey,omitempty"`
}

// X509Subject is the subject of a certificate without its common name.
type X509Subject struct {
	// Organizations (O).
	// +optional
	Organizations []string `json:"organizations,omitempty"`

	// Countries (C).
	// +optional
	Countries []string `json:"countries,omitempty"`

	// OrganizationalUnits (OU).
	// +optional
	OrganizationalUnits []string `json:"organizationalUnits,omitempty"`

	// Localities (L).
	// +optional
	Localities []string `json:"localities,omitempty"`

	// Provinces (ST).
	// +optional
	Provinces []string `json:"provinces,omitempty"`

	// StreetAddresses (STREET).
	// +optional
	StreetAddresses []string `json:"streetAddresses,omitempty"`

	// PostalCodes (postalCode).
	// +optional
	PostalCodes []string `json:"postalCodes,omitempty"`

	// SerialNumber of the subject (serialNumber), not of the certificate.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
}

// PrivateKeyEncoding is the container format of a private key.
// +kubebuilder:validation:Enum=PKCS1;PKCS8
type PrivateKeyEncoding string

const (
	// PrivateKeyEncodingPKCS1 is the traditional format.
	PrivateKeyEncodingPKCS1 PrivateKeyEncoding = "PKCS1"
	// PrivateKeyEncodingPKCS8 is the general format.
	PrivateKeyEncodingPKCS8 PrivateKeyEncoding = "PKCS8"
)

// CertificatePrivateKey says how a private key is written.
type CertificatePrivateKey struct {
	// Encoding of the key.
	// +optional
	Encoding PrivateKeyEncoding `json:"encoding,omitempty"`
}
