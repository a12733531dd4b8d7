package database

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Updater is a kind whose version can be changed while it runs.
type Updater interface {
	// Versions lists the kind's catalog.
	Versions(ctx context.Context, r Reader) ([]CatalogVersion, error)
}

// AsUpdater returns the capability if the kind has it.
func AsUpdater(k Kind) (Updater, bool) {
	u, ok := k.(Updater)
	return u, ok
}

// CatalogVersion is one version of the catalog, as far as an update depends on it.
type CatalogVersion struct {
	// Name of the catalog object, Version of the server.
	Name, Version string
	Deprecated    bool
	// Allow and Deny are ranges of semantic versions that this one can, and cannot, be updated to. Without Allow there
	// are none.
	Allow, Deny []string
	// Fixed are properties in which both versions of an update have to agree where both say something, such as the
	// distribution of a Postgres.
	Fixed map[string]string
	// Series, when it is set, has to be the same: data written by one series cannot be used by another as it is.
	Series string
	// SeriesHint says why, and what to do instead.
	SeriesHint string
}

// CheckUpdate says why a database cannot be updated from one version of the catalog to another, nil if it can. An error
// names the versions that it could be updated to.
func CheckUpdate(from, to string, catalog []CatalogVersion) error {
	why := refusal(from, to, catalog)
	if why == "" {
		return nil
	}
	allowed := Updates(from, catalog)
	if len(allowed) == 0 {
		return fmt.Errorf("upgrade from version %s to %s is not supported: %s; the catalog has no version that it can be updated to", from, to, why)
	}
	return fmt.Errorf("upgrade from version %s to %s is not supported: %s; allowed are %s", from, to, why, strings.Join(allowed, ", "))
}

// Updates names the versions that a database can be updated to, the oldest first.
func Updates(from string, catalog []CatalogVersion) []string {
	var allowed []CatalogVersion
	for _, candidate := range catalog {
		if refusal(from, candidate.Name, catalog) == "" {
			allowed = append(allowed, candidate)
		}
	}
	slices.SortFunc(allowed, func(a, b CatalogVersion) int {
		left, errLeft := semver.NewVersion(a.Version)
		right, errRight := semver.NewVersion(b.Version)
		if errLeft != nil || errRight != nil || left.Equal(right) {
			return strings.Compare(a.Name, b.Name)
		}
		return left.Compare(right)
	})
	names := make([]string, 0, len(allowed))
	for _, v := range allowed {
		names = append(names, v.Name)
	}
	return names
}

func refusal(from, to string, catalog []CatalogVersion) string {
	named := func(name string) int {
		return slices.IndexFunc(catalog, func(v CatalogVersion) bool { return v.Name == name })
	}
	if from == to {
		return "the database has this version already"
	}
	i, j := named(from), named(to)
	switch {
	case j < 0:
		return fmt.Sprintf("the catalog has no version %q", to)
	case i < 0:
		return fmt.Sprintf("the catalog no longer has the present version %q, so nothing tells what it can be updated to", from)
	}
	return catalog[i].refuses(catalog[j])
}

// refuses says why this version cannot be updated to the other one, nothing if it can.
func (v CatalogVersion) refuses(to CatalogVersion) string {
	if to.Deprecated {
		return fmt.Sprintf("%s is deprecated", to.Name)
	}
	for _, name := range sortedKeys(v.Fixed) {
		is, will := v.Fixed[name], to.Fixed[name]
		if is != "" && will != "" && is != will {
			return fmt.Sprintf("%s differs: %s has %s, %s has %s", name, v.Name, is, to.Name, will)
		}
	}
	present, err := semver.NewVersion(v.Version)
	if err != nil {
		return fmt.Sprintf("the catalog says of %s that it is version %q: %v", v.Name, v.Version, err)
	}
	target, err := semver.NewVersion(to.Version)
	if err != nil {
		return fmt.Sprintf("the catalog says of %s that it is version %q: %v", to.Name, to.Version, err)
	}
	switch {
	case target.LessThan(present):
		return fmt.Sprintf("%s is older (%s, now %s)", to.Name, to.Version, v.Version)
	case v.Series != to.Series:
		return fmt.Sprintf("%s is of another major version (%s, now %s), %s", to.Name, to.Series, v.Series, v.SeriesHint)
	}
	return v.constraint(to, target)
}

// constraint says which of the update constraints speaks against the target.
func (v CatalogVersion) constraint(to CatalogVersion, target *semver.Version) string {
	within := func(ranges []string) (string, error) {
		for _, text := range ranges {
			constraint, err := semver.NewConstraint(text)
			if err != nil {
				return "", fmt.Errorf("the catalog's range %q of %s: %w", text, v.Name, err)
			}
			if constraint.Check(target) {
				return text, nil
			}
		}
		return "", nil
	}
	denied, err := within(v.Deny)
	if err != nil {
		return err.Error()
	}
	if denied != "" {
		return fmt.Sprintf("%s is denied by updateConstraints.denylist %q of %s", to.Version, denied, v.Name)
	}
	allowed, err := within(v.Allow)
	if err != nil {
		return err.Error()
	}
	if allowed == "" {
		return fmt.Sprintf("%s is not in updateConstraints.allowlist of %s (%s)", to.Version, v.Name, strings.Join(v.Allow, "; "))
	}
	return ""
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// WithVersion returns a copy of the instance with another spec.version, which every kind has.
func WithVersion(k Kind, in Instance, version string) (Instance, error) {
	text, err := json.Marshal(in.Object())
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", NameOf(in), err)
	}
	out := k.New()
	if err := json.Unmarshal(text, out.Object()); err != nil {
		return nil, fmt.Errorf("copy %s: %w", NameOf(in), err)
	}
	change, err := json.Marshal(map[string]any{"spec": map[string]any{"version": version}})
	if err != nil {
		return nil, fmt.Errorf("set the version of %s: %w", NameOf(in), err)
	}
	if err := json.Unmarshal(change, out.Object()); err != nil { // merges into what is there
		return nil, fmt.Errorf("set the version of %s: %w", NameOf(in), err)
	}
	return out, nil
}
