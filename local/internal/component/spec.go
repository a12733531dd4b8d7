// Package component says which processes make up the cluster, with which
// arguments and configuration. It is pure: it renders, others write and start.
package component

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Spec is one process that has to run.
type Spec struct {
	Name string `json:"name"`
	// Cgroup is the folder, below the cluster's own, that the process and its
	// children belong to: all of them can be found there, whoever dies.
	Cgroup string `json:"cgroup"`
	// Within is the component whose namespaces the process enters; "" are the
	// machine's own.
	Within string   `json:"within,omitempty"`
	Argv   []string `json:"argv"`
	Env    []string `json:"env,omitempty"`
	// Inputs is a digest of the files that the process reads once: when they
	// change it has to be started anew.
	Inputs string `json:"inputs,omitempty"`
	// Keep says that the process is not to be restarted by itself when it dies,
	// because what depends on it has to be rebuilt first.
	Keep bool `json:"keep,omitempty"`
}

// Digest changes whenever a running process no longer is what the spec asks for.
func (s Spec) Digest() string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("component %s: %v", s.Name, err)) // strings only: cannot happen
	}
	return DigestOf(data)
}

// DigestOf is a short name for contents.
func DigestOf(contents ...[]byte) string {
	hash := sha256.New()
	for _, each := range contents {
		fmt.Fprintf(hash, "%d ", len(each))
		hash.Write(each)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}
