package pgpool

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	kubedbv1alpha2 "github.com/matriarchdb/matriarch/api/kubedb/v1alpha2"
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Reconfigure returns a copy of the Pgpool with the change made to its spec.configuration: custom configuration is
// dropped first if that is asked for, then a new Secret takes the place of the former, then the given settings are
// merged over the inline ones, which are stronger than the Secret's, and last the backends are changed.
func (operations) Reconfigure(in database.Instance, change database.ConfigChange) (database.Instance, error) {
	backends := backendChange(change)
	if err := complete(change, backends); err != nil {
		return nil, err
	}
	out := in.DeepCopy()
	spec := &of(out).Spec
	config := &kubedbv1alpha2.PgpoolConfiguration{}
	if spec.Configuration != nil && !change.Remove {
		config = spec.Configuration
	}
	if change.SecretName != "" {
		config.SecretName = change.SecretName
	}
	if err := applyInline(config, change.Apply); err != nil {
		return nil, err
	}
	if err := applyBackends(config, backends); err != nil {
		return nil, err
	}
	spec.Configuration = config
	if config.SecretName == "" && len(config.Inline) == 0 && len(config.Backends) == 0 {
		spec.Configuration = nil
	}
	return out, nil
}

// backendChange is the part of the change that only a Pgpool has.
func backendChange(change database.ConfigChange) opsv1alpha1.BackendChange {
	if section, ok := change.Section.(*opsv1alpha1.PgpoolReconfigurationSpec); ok && section != nil && section.Backend != nil {
		return *section.Backend
	}
	return opsv1alpha1.BackendChange{}
}

// complete refuses a change that asks for nothing, or for things that contradict each other.
func complete(change database.ConfigChange, backends opsv1alpha1.BackendChange) error {
	for name := range change.Apply {
		if name != ConfFile {
			return fmt.Errorf("`spec.configuration.applyConfig` has %q, which is no file of Pgpool; the key is '%s'", name, ConfFile)
		}
	}
	asked := change.Remove || change.SecretName != "" || len(change.Apply) > 0 || len(backends.Sync)+len(backends.Delete) > 0
	switch {
	case !asked:
		return errors.New("at least one of `removeCustomConfig`, `configSecret`, `applyConfig` or `backend` must be specified")
	case change.Remove && len(backends.Delete) > 0:
		return errors.New("`backend.delete` makes no sense with `removeCustomConfig`, which removes all backends of the user's")
	}
	return nil
}

// applyInline merges settings over the inline ones. The text is printed anew, so comments in it are lost.
func applyInline(config *kubedbv1alpha2.PgpoolConfiguration, apply map[string]string) error {
	if len(apply) == 0 {
		return nil
	}
	present, err := pgconf.Parse(pgconf.Pgpool, config.Inline[ConfFile])
	if err != nil {
		return fmt.Errorf("read %s of spec.configuration.inline: %w", ConfFile, err)
	}
	added, err := pgconf.Parse(pgconf.Pgpool, apply[ConfFile])
	if err != nil {
		return fmt.Errorf("read %s of spec.configuration.applyConfig: %w", ConfFile, err)
	}
	text, err := pgconf.Print(pgconf.Pgpool, present.Merge(added))
	if err != nil {
		return fmt.Errorf("merge %s of spec.configuration.applyConfig: %w", ConfFile, err)
	}
	if config.Inline == nil {
		config.Inline = map[string]string{}
	}
	config.Inline[ConfFile] = text
	return nil
}

// applyBackends adds or replaces the listed backends and removes the named ones. Without a list the primary and the
// standbys are what there is; a change begins with these, and spells them out.
func applyBackends(config *kubedbv1alpha2.PgpoolConfiguration, change opsv1alpha1.BackendChange) error {
	if len(change.Sync)+len(change.Delete) == 0 {
		return nil
	}
	if len(config.Backends) == 0 {
		config.Backends = []kubedbv1alpha2.Backend{
			{GroupName: kubedbv1alpha2.BackendGroupPrimary, Weight: 1}, {GroupName: kubedbv1alpha2.BackendGroupStandby, Weight: 1},
		}
	}
	for _, b := range change.Sync {
		if (b.GroupName == "") == (b.HostName == "") {
			return fmt.Errorf("`backend.sync` has an entry with groupName %q and hostName %q: give one of them", b.GroupName, b.HostName)
		}
		if at := backendNamed(config.Backends, b.GroupName+b.HostName); at >= 0 {
			config.Backends[at] = b
			continue
		}
		config.Backends = append(config.Backends, b)
	}
	for _, name := range change.Delete {
		at := backendNamed(config.Backends, name)
		if at < 0 {
			return fmt.Errorf("`backend.delete` names %q, which is no backend of spec.configuration.backends", name)
		}
		config.Backends = slices.Delete(config.Backends, at, at+1)
	}
	return nil
}

// backendNamed finds a backend by its group or host, -1 if there is none.
func backendNamed(list []kubedbv1alpha2.Backend, name string) int {
	return slices.IndexFunc(list, func(b kubedbv1alpha2.Backend) bool { return b.GroupName+b.HostName == name })
}

// Check says what is wrong with the user's settings. Pgpool itself takes unknown names without a word, so they are
// found here or nowhere.
func (operations) Check(from database.Gathered) conf.Problems {
	rendered, err := Render(from.(gathered).configInput())
	if err != nil {
		var problems conf.Problems
		if errors.As(err, &problems) {
			return problems
		}
		return conf.Problems{{Message: err.Error()}}
	}
	g := from.(gathered)
	var problems conf.Problems
	for _, group := range g.missing {
		problems = append(problems, conf.Problem{Name: "groupName", Value: group, Message: fmt.Sprintf(
			"Postgres %s/%s has no such group of read replicas; add it there first, or list the group in `backend.delete`", g.Server.Namespace, g.Server.Name)})
	}
	return append(problems, layer.Owned(rendered.Overridden)...)
}

// Compare says what it costs to go from one set of final files to another.
func (operations) Compare(from database.Gathered, before, after map[string][]byte) []database.ParameterChange {
	var changes []database.ParameterChange
	if know, err := catalog.Pgpool(from.(gathered).version.Spec.Version); err == nil { // Build refuses other versions
		changes = compareConf(know, before[ConfFile], after[ConfFile])
	}
	if !bytes.Equal(before[HBAFile], after[HBAFile]) {
		changes = append(changes, database.ParameterChange{File: HBAFile, Name: HBAFile})
	}
	return changes
}

func compareConf(know layer.Knowledge, before, after []byte) []database.ParameterChange {
	var changes []database.ParameterChange
	for _, c := range layer.Diff(parsed(before), parsed(after), know) {
		if c.Verdict == layer.None {
			continue
		}
		changes = append(changes, database.ParameterChange{
			File: ConfFile, Name: c.Name, Old: text(c.Old), New: text(c.New), Restart: c.Verdict == layer.Restart,
		})
	}
	return changes
}

// parsed reads a rendered file. One that cannot be read counts as empty: everything in the other one is then a change.
func parsed(file []byte) *conf.Settings {
	settings, err := pgconf.Parse(pgconf.Pgpool, string(file))
	if err != nil {
		return pgconf.New(pgconf.Pgpool)
	}
	return settings
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}
