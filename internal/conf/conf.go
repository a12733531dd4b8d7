// Package conf holds what every configuration file of the stack has in common:
// an ordered list of named settings, and the problems found in one. The
// packages below it read and write the files (pgconf, ini, hba), know the
// parameters of each server version (catalog) and decide what is in force and
// what a change costs (layer). Nothing here does I/O or knows Kubernetes.
package conf
