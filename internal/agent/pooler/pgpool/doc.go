// Package pgpool is the adapter for Pgpool-II 4.1 to 4.7: its files, a throwaway process that judges a candidate, SIGHUP,
// and what the running server says of itself over PCP.
//
// Pgpool-II takes an unknown parameter and a reload of what only a restart can change without a word. So names are
// looked up in the catalog, and after every reload the values that the server reports are compared with those that a
// throwaway process reports for the same file.
package pgpool
