package pgbouncer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Reconfigure returns a copy of the PgBouncer with the change made to its spec.configuration: custom configuration is
// dropped first if that is asked for, then a new Secret takes the place of the former, then the given settings are
// merged, section by section and key by key, over the inline ones, which are stronger than the Secret's.
func (operations) Reconfigure(in database.Instance, change database.ConfigChange) (database.Instance, error) {
	for _, name := range slices.Sorted(maps.Keys(change.Apply)) {
		if name != ConfFile {
			return nil, fmt.Errorf("`spec.configuration.applyConfig` has %q, which is no file of PgBouncer; the key is '%s'", name, ConfFile)
		}
	}
	if !change.Remove && change.SecretName == "" && len(change.Apply) == 0 {
		return nil, errors.New("at least one of `removeCustomConfig`, `configSecret` or `applyConfig` must be specified")
	}
	out := in.DeepCopy()
	spec := &of(out).Spec
	config := &kubedbv1.PgBouncerConfiguration{}
	if spec.Configuration != nil && !change.Remove {
		config = spec.Configuration
	}
	if change.Remove || change.SecretName != "" {
		spec.ConfigSecret = nil // the old form of secretName
	}
	if change.SecretName != "" {
		config.SecretName = change.SecretName
	}
	if err := applyInline(config, change.Apply); err != nil {
		return nil, err
	}
	spec.Configuration = config
	if config.SecretName == "" && len(config.Inline) == 0 {
		spec.Configuration = nil
	}
	return out, nil
}

// applyInline merges settings over the inline ones. The text is printed anew, so comments in it are lost.
func applyInline(config *kubedbv1.PgBouncerConfiguration, apply map[string]string) error {
	if len(apply) == 0 {
		return nil
	}
	present, err := ini.Parse(config.Inline[ConfFile])
	if err != nil {
		return fmt.Errorf("read %s of spec.configuration.inline: %w", ConfFile, err)
	}
	added, err := ini.Parse(apply[ConfFile])
	if err != nil {
		return fmt.Errorf("read %s of spec.configuration.applyConfig: %w", ConfFile, err)
	}
	text, err := present.Merge(added).Print()
	if err != nil {
		return fmt.Errorf("merge %s of spec.configuration.applyConfig: %w", ConfFile, err)
	}
	if config.Inline == nil {
		config.Inline = map[string]string{}
	}
	config.Inline[ConfFile] = text
	return nil
}

// Check says what is wrong with the user's settings.
func (operations) Check(from database.Gathered) conf.Problems {
	rendered, err := Render(from.(gathered).configInput())
	if err != nil {
		if problems, ok := errors.AsType[conf.Problems](err); ok {
			return problems
		}
		return conf.Problems{{Message: err.Error()}}
	}
	return layer.Owned(rendered.Overridden)
}

// Compare says what it costs to go from one set of final files to another. Entries of the sections beside [pgbouncer]
// (databases, users, peers) always take effect by a reload: PgBouncer renews by itself the connections to a database
// whose address or login changed.
func (operations) Compare(from database.Gathered, before, after map[string][]byte) []database.ParameterChange {
	know, err := catalog.PgBouncer(from.(gathered).version.Spec.Version)
	if err != nil || bytes.Equal(before[ConfFile], after[ConfFile]) {
		return nil // Build refuses versions that are not known
	}
	old, now := parsed(before[ConfFile]), parsed(after[ConfFile])
	var changes []database.ParameterChange
	for _, c := range layer.Diff(old.Section(ini.PgBouncer), now.Section(ini.PgBouncer), know) {
		if c.Verdict == layer.None {
			continue
		}
		changes = append(changes, database.ParameterChange{
			File: ConfFile, Name: c.Name, Old: text(c.Old), New: text(c.New), Restart: c.Verdict == layer.Restart,
		})
	}
	for _, section := range []string{ini.Databases, ini.Users, ini.Peers} {
		changes = append(changes, compareEntries(section, old.Section(section), now.Section(section))...)
	}
	return changes
}

// compareEntries compares a section whose entries are connection strings. Such an entry is a change of its own.
func compareEntries(section string, old, now *conf.Settings) []database.ParameterChange {
	names := map[string]bool{}
	for _, settings := range []*conf.Settings{old, now} {
		for one := range settings.All() {
			names[one.Name] = true
		}
	}
	var changes []database.ParameterChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, _ := old.Get(name)
		after, _ := now.Get(name)
		if before != after {
			changes = append(changes, database.ParameterChange{File: ConfFile, Name: section + "." + name, Old: before, New: after})
		}
	}
	return changes
}

// parsed reads a rendered file. One that cannot be read counts as empty: everything in the other one is then a change.
func parsed(text []byte) *ini.File {
	file, err := ini.Parse(string(text))
	if err != nil {
		return &ini.File{}
	}
	return file
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
