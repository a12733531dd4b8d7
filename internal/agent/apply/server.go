package apply

import "context"

// Set is everything that a server reads from files.
type Set struct {
	// Config comes from the configuration Secret.
	Config Files
	// Credentials comes from the credentials Secret of a pooler; nil for PostgreSQL.
	Credentials Files
	// Certificates comes from the Secret with the published certificates; nil without TLS.
	Certificates Files
}

func (s Set) same(other Set) bool {
	return s.Config.Hash() == other.Config.Hash() && s.Credentials.Hash() == other.Credentials.Hash() &&
		s.Certificates.Hash() == other.Certificates.Hash()
}

// Server is one of the three servers. Its methods are called one at a time.
type Server interface {
	// Vet judges a set without disturbing anything and within milliseconds: keys, syntax, names. Certificates that the
	// configuration needs and that are not there yet are no Refusal: they will come.
	Vet(ctx context.Context, set Set) error
	// Try judges a set by a throwaway process of the server, which does not disturb the running one.
	Try(ctx context.Context, set Set) error
	// Write puts the files where the server reads them, certificates first. It changes nothing and fails when the
	// configuration needs certificates and there are none.
	Write(set Set) error
	// Reload makes the running server read the written files, waits until it has, asks it for what is in force, and
	// returns, sorted, the parameters whose written value takes a restart.
	Reload(ctx context.Context, set Set) (pending []string, err error)
}

// Clustered is a Server that is a member of a cluster, in which some parameters take force in an order. Both methods are
// about the files written last.
type Clustered interface {
	Server
	// Held names, sorted, the parameters that the server was started without the files' value of, because another
	// member must take that first. They wait for another restart.
	Held() []string
	// RestartOrder names those of the pending parameters that must wait for the primary, and those that the primary
	// must wait for.
	RestartOrder(pending []string) (afterPrimary, beforePrimary []string)
}

// TLSServer is a Server that can speak TLS.
type TLSServer interface {
	// TLSAddress is where the running server accepts clients with TLS, host and port; empty while it speaks none.
	TLSAddress() string
	// LastWords are the last lines that the server printed.
	LastWords() string
}

// Refusal is the error of Vet, Try, Reload and of a start when the server (or, for names it ignores silently, the
// catalog) refuses the files, as opposed to a failure that has nothing to do with them.
type Refusal struct {
	// Words are the server's own.
	Words string
}

// Error returns the server's words.
func (r *Refusal) Error() string { return r.Words }
