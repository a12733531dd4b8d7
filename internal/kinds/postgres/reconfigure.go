package postgres

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/utils/ptr"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Reconfigure returns a copy of the Postgres with the change made to its spec.configuration. Settings to apply are
// merged into the inline text by name: a later value replaces an earlier one in its place.
func (Kind) Reconfigure(in database.Instance, change database.ConfigChange) (database.Instance, error) {
	tuning, err := complete(change)
	if err != nil {
		return nil, err
	}
	out := in.DeepCopy()
	spec := &of(out).Spec
	config := &kubedbv1.PostgresConfiguration{}
	if spec.Configuration != nil && !change.Remove {
		config = spec.Configuration.DeepCopy()
	}
	if change.Remove {
		spec.ConfigSecret = nil
	}
	if change.SecretName != "" {
		config.SecretName, spec.ConfigSecret = change.SecretName, nil
	}
	if text, given := change.Apply[naming.PostgresUser]; given {
		merged, err := mergeText(config.Inline[naming.PostgresUser], text)
		if err != nil {
			return nil, err
		}
		config.Inline = map[string]string{naming.PostgresUser: merged}
	}
	if tuning != nil {
		config.Tuning = tuning.DeepCopy()
	}
	spec.Configuration = config
	if config.SecretName == "" && len(config.Inline) == 0 && config.Tuning == nil {
		spec.Configuration = nil
	}
	return out, nil
}

// complete refuses a change that asks for nothing, or for things that contradict each other, and returns the part that
// only a Postgres has.
func complete(change database.ConfigChange) (*kubedbv1.Tuning, error) {
	section, _ := change.Section.(*opsv1alpha1.PostgresReconfigurationSpec)
	if section == nil {
		section = &opsv1alpha1.PostgresReconfigurationSpec{}
	}
	for _, file := range slices.Sorted(maps.Keys(change.Apply)) {
		if file != naming.PostgresUser {
			return nil, fmt.Errorf("`spec.configuration.applyConfig` has %q, which is no file of Postgres; it does not have file named '%s'",
				file, naming.PostgresUser)
		}
	}
	switch {
	case !change.Remove && change.SecretName == "" && len(change.Apply) == 0 && section.Tuning == nil:
		return nil, errors.New("at least one of `RemoveCustomConfig`, `ConfigSecret`, `Tuning` or `ApplyConfig` must be specified")
	case change.Remove && section.Restart == opsv1alpha1.ReconfigureRestartFalse:
		return nil, errors.New("`removeCustomConfig` can not be combined with `restart: false`")
	}
	return section.Tuning, nil
}

func mergeText(have, more string) (string, error) {
	old, err := pgconf.Parse(pgconf.PostgreSQL, have)
	if err != nil {
		return "", fmt.Errorf("read %s of spec.configuration.inline: %w", naming.PostgresUser, err)
	}
	add, err := pgconf.Parse(pgconf.PostgreSQL, more)
	if err != nil {
		return "", fmt.Errorf("read %s of spec.configuration.applyConfig: %w", naming.PostgresUser, err)
	}
	return pgconf.Print(pgconf.PostgreSQL, old.Merge(add))
}

// Check says what is wrong with the configuration.
func (Kind) Check(from database.Gathered) conf.Problems {
	config, err := Render(from.(gathered).configInput())
	if err != nil {
		return asProblems(err)
	}
	return append(layer.Owned(config.Overridden), combinations(from.(gathered).configInput(), config.Effective.Settings()).Warnings()...)
}

// Compare says what it costs to go from one set of files to another. Rules of pg_hba.conf are always reloaded.
func (Kind) Compare(from database.Gathered, before, after map[string][]byte) []database.ParameterChange {
	g := from.(gathered)
	know, err := catalog.Postgres(g.version.Spec.Version)
	if err != nil {
		return nil // Render refuses such a version before anything can be compared
	}
	old, errOld := pgconf.Parse(pgconf.PostgreSQL, string(before[naming.PostgresConf]))
	new, errNew := pgconf.Parse(pgconf.PostgreSQL, string(after[naming.PostgresConf]))
	if errOld != nil || errNew != nil {
		return wholeFiles(before, after)
	}
	var out []database.ParameterChange
	for _, c := range layer.Diff(old, new, know) {
		out = append(out, database.ParameterChange{
			File: naming.PostgresConf, Name: c.Name, Old: text(c.Old), New: text(c.New), Restart: c.Verdict == layer.Restart,
			Order: order(know, c),
		})
	}
	if string(before[naming.PostgresHBA]) != string(after[naming.PostgresHBA]) {
		out = append(out, database.ParameterChange{File: naming.PostgresHBA, Name: naming.PostgresHBA})
	}
	return out
}

// order says who has to have the new value first: a hot standby must not have less of some resources than its primary
// (the manual's "Administrator's Overview" of hot standby).
func order(know *catalog.Catalog, c layer.Change) database.Order {
	if !catalog.HotStandbyFloor(c.Name) {
		return database.AnyOrder
	}
	count := func(value *string) int64 {
		otherwise, _ := know.Default(c.Name)
		n, _ := pgconf.ParseInt(ptr.Deref(value, otherwise), "") // both were checked against the catalog
		return n
	}
	if count(c.New) < count(c.Old) {
		return database.PrimaryFirst
	}
	return database.StandbysFirst
}

// wholeFiles reports files that differ and cannot be read line by line: a restart is the safe assumption.
func wholeFiles(before, after map[string][]byte) []database.ParameterChange {
	var out []database.ParameterChange
	for _, file := range slices.Sorted(maps.Keys(after)) {
		if string(before[file]) != string(after[file]) {
			out = append(out, database.ParameterChange{File: file, Name: file, Restart: true})
		}
	}
	return out
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
