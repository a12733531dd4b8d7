// Package tls is what Matriarch knows of certificates, without Kubernetes: how the files of a database look, what is wrong
// with an issued certificate, in which order new ones and new authorities are brought into force (Next), and what a
// server really shows (Present). All of it is pure but Present.
package tls
