package tls

import (
	"crypto/x509"
	"slices"
)

// Next says what to publish now, given what is published, what the issuer made, and whether every party has taken what
// is published: all members, and all poolers in front of them. settled means that there is nothing more to do.
//
// At no moment two parties distrust each other, however far behind any of them is, because
//
//   - authorities are added first, which hurts nobody;
//   - a certificate of a new authority is published only when every party has taken the authorities published with it. One
//     of an authority that has signed a published certificate already needs no waiting: every party trusts it. So a
//     renewal gets through while a member is away;
//   - authorities are dropped only when every party has taken the new certificates.
func Next(published, issued Set, taken bool) (next Set, settled bool) {
	if published.Empty() {
		return issued, false
	}
	next = Set{Pairs: map[string]Pair{}, CA: union(published.CA, issued.CA)}
	trusted := published.CA
	if !taken {
		trusted = published.proven()
	}
	moved, waits := len(published.Pairs) != len(issued.Pairs), false
	for name, pair := range issued.Pairs {
		old, found := published.Pairs[name]
		switch {
		case found && old.Same(pair):
			next.Pairs[name] = pair
		case signedBy(pair, trusted):
			next.Pairs[name], moved = pair, true
		case found:
			next.Pairs[name], waits = old, true
		default:
			waits = true
		}
	}
	if taken && !moved && !waits {
		next.CA = issued.CA
	}
	return next, taken && !moved && !waits && sameAuthorities(next.CA, published.CA)
}

// proven are the authorities that a published certificate stands on: every party trusted them before it was published.
func (s Set) proven() []byte {
	var out []byte
	for _, authority := range certificates(s.CA) {
		one := encode(authority)
		for _, pair := range s.Pairs {
			if signedBy(pair, one) {
				out = union(out, one)
			}
		}
	}
	return out
}

// signedBy tells whether a chain of signatures leads from the pair's certificate to one of the authorities. Time does not
// matter here: a certificate that has expired must not keep its successor away.
func signedBy(pair Pair, authorities []byte) bool {
	chain, roots := certificates(pair.Cert), certificates(authorities)
	if len(chain) == 0 {
		return false
	}
	at, rest := chain[0], chain[1:]
	for range len(chain) {
		if slices.ContainsFunc(roots, func(root *x509.Certificate) bool { return root.Equal(at) || at.CheckSignatureFrom(root) == nil }) {
			return true
		}
		parent := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return at.CheckSignatureFrom(c) == nil })
		if parent < 0 {
			return false
		}
		at = rest[parent]
	}
	return false
}
