package pgpool

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Files of the configuration Secret. ConfFile is also the key of a user's Secret and of spec.configuration.inline.
const (
	ConfFile = naming.PgpoolConf
	HBAFile  = naming.PgpoolHBA
)

// ConfDir is where the agent keeps the files that it gives to the server; KubeDB's guides look for them there.
const ConfDir = "/opt/pgpool-II/etc"

// SocketDir holds the server's and PCP's unix sockets.
const SocketDir = "/var/run/pgpool"

// ConfigInput is everything that the configuration files depend on.
type ConfigInput struct {
	// Version of the server, such as 4.3.5.
	Version  string
	Backends []Backend
	// Custom is the user's pgpool.conf.
	Custom custom.Text
	// Former is the pgpool.conf that is in force now; empty at first.
	Former         string
	ClientAuthMode sharedv1.ClientAuthMode
	// SSLMode is how clients may connect; without TLS.Serve it has no effect.
	SSLMode sharedv1.SSLMode
	TLS     TLS
}

// Config is a rendered configuration.
type Config struct {
	// Files by name, as they go into the configuration Secret.
	Files map[string]string
	// Effective is what pgpool.conf says, for the plan of a change.
	Effective *conf.Settings
	// Overridden lists the user's settings that have no effect.
	Overridden []layer.Override
}

// Render merges mandatory > inline > Secret > default and prints the files. An error that holds conf.Problems names
// what the user has to change: Pgpool itself accepts unknown names silently and dies of bad values.
func Render(in ConfigInput) (Config, error) {
	version, err := semver.NewVersion(in.Version)
	if err != nil {
		return Config{}, fmt.Errorf("read the Pgpool version %q of the catalog: %w", in.Version, err)
	}
	know, err := catalog.Pgpool(in.Version)
	if err != nil {
		return Config{}, err
	}
	user, err := userSettings(in, know)
	if err != nil {
		return Config{}, err
	}
	servers := settingsOf(version, in.Backends)
	if err := know.Validate(servers).Err(); err != nil {
		return Config{}, fmt.Errorf("check the backends: %w", err)
	}
	layers := layer.Layers{
		Default:   onlyKnown(know, servers.Merge(defaults())),
		User:      user,
		Mandatory: onlyKnown(know, withoutWeights(servers).Merge(mandatory()).Merge(tlsSettings(in.TLS))),
	}
	dropped := dropBackends(layers.User, len(in.Backends))
	merged := layer.Merge(layers)
	effective := spellRemoved(know, in.Former, merged.Settings(), len(in.Backends))
	if err := know.Conflicts(effective).Err(); err != nil {
		return Config{}, fmt.Errorf("check %s: %w", ConfFile, err)
	}
	files, err := printFiles(effective, in)
	if err != nil {
		return Config{}, err
	}
	return Config{Files: files, Effective: effective, Overridden: append(merged.Overrides(know), dropped...)}, nil
}

func printFiles(effective *conf.Settings, in ConfigInput) (map[string]string, error) {
	text, err := pgconf.Print(pgconf.Pgpool, effective)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", ConfFile, err)
	}
	mode := in.SSLMode
	if !in.TLS.Serve {
		mode = sharedv1.SSLModeDisable
	}
	poolHBA, err := renderHBA(in.ClientAuthMode, mode)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", HBAFile, err)
	}
	return map[string]string{ConfFile: text, HBAFile: poolHBA}, nil
}

// userSettings parses and checks what the user wrote.
func userSettings(in ConfigInput, know *catalog.Catalog) (*conf.Settings, error) {
	if err := in.Custom.Fits(ConfFile); err != nil {
		return nil, err
	}
	secret, err := pgconf.Parse(pgconf.Pgpool, in.Custom.Secret)
	if err != nil {
		return nil, fmt.Errorf("read %s of the configuration Secret: %w", ConfFile, err)
	}
	inline, err := pgconf.Parse(pgconf.Pgpool, in.Custom.Inline)
	if err != nil {
		return nil, fmt.Errorf("read %s of spec.configuration.inline: %w", ConfFile, err)
	}
	merged := secret.Merge(inline)
	if err := know.Validate(merged).Err(); err != nil {
		return nil, fmt.Errorf("check %s against Pgpool %s: %w", ConfFile, in.Version, err)
	}
	return merged, nil
}

// dropBackends removes the user's settings of backends that there are not: which ones there are is said by
// spec.configuration.backends. A line left over from another cluster would otherwise add a backend that nobody runs.
func dropBackends(user *conf.Settings, n int) []layer.Override {
	var dropped []layer.Override
	for _, name := range user.Names() {
		if beyond(name, n) {
			one, _ := user.Lookup(name)
			user.Delete(name)
			dropped = append(dropped, layer.Override{User: one, InForce: "nothing: there is no such backend in spec.configuration.backends"})
		}
	}
	return dropped
}

// spellRemoved writes out the default of what the former file had and this one has not: at a reload Pgpool leaves the
// old value of a missing line in force. What the former file spelled out so stays spelled out: its server may not have
// read it yet. The flags of a backend that is gone stay away: they would allow a failover of a backend that may come
// back.
func spellRemoved(know *catalog.Catalog, former string, now *conf.Settings, backends int) *conf.Settings {
	old, err := pgconf.Parse(pgconf.Pgpool, former)
	if err != nil {
		return now // nothing that Matriarch wrote; only a restart helps
	}
	for _, name := range old.Names() {
		if beyond(name, backends) && !strings.HasPrefix(name, backendWeight) {
			old.Delete(name)
		}
	}
	spelled := know.SpellRemoved(old, now)
	for one := range old.All() {
		standard, known := know.Default(one.Name)
		if known && !spelled.Has(one.Name) && know.Same(one.Name, one.Value, standard) && know.Effort(one.Name) == layer.Reload {
			spelled.Set(one.Name, one.Value)
		}
	}
	return spelled
}

// onlyKnown drops what this version of the server does not have: a name that came later, or has gone since.
func onlyKnown(know *catalog.Catalog, all *conf.Settings) *conf.Settings {
	known := pgconf.New(pgconf.Pgpool)
	for one := range all.All() {
		if _, ok := know.Lookup(one.Name); ok {
			known.Add(one)
		}
	}
	if known.Has("work_dir") {
		known.Delete("logdir") // the former name, which still works but gives a warning
	}
	return known
}
