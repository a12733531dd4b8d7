package pgbouncer

import (
	"fmt"
	"strconv"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
	"github.com/matriarchdb/matriarch/internal/database/custom"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// ConfFile is the file of the configuration Secret, and the key of a user's Secret and of spec.configuration.inline.
const ConfFile = naming.PgBouncerIni

// Folders that the agent keeps files in; KubeDB's guides look for them there.
const (
	ConfDir   = "/etc/config"
	UserDir   = "/var/run/pgbouncer/secret"
	SocketDir = "/var/run/pgbouncer/sockets"
)

// Upstream is the PostgreSQL behind the pooler.
type Upstream struct {
	Host string
	Port int32
	// Database is the name under which it is offered, and its name there.
	Database string
	// SSLMode that the server asks for, as libpq knows it; empty leaves PgBouncer's default.
	SSLMode string
	// CA tells that there are certificates to check the server's with, Certificate that there is one to show to it.
	CA, Certificate bool
}

// ConfigInput is everything that the configuration file depends on.
type ConfigInput struct {
	// Version of the server, such as 1.18.0.
	Version  string
	Upstream Upstream
	// Pool holds spec.connectionPool as pgbouncer.ini settings; what is absent has a default.
	Pool *conf.Settings
	// Port that clients connect to.
	Port int32
	// TLS tells that clients are offered TLS with a certificate of ours, in the way of SSLMode.
	TLS     bool
	SSLMode sharedv1.SSLMode
	// Peers are the addresses of the members, by ordinal.
	Peers []string
	// AdminUser may use the admin console.
	AdminUser string
	// Custom is the user's pgbouncer.ini.
	Custom custom.Text
}

// Config is a rendered configuration.
type Config struct {
	// Files by name, as they go into the configuration Secret.
	Files map[string]string
	// Effective is what pgbouncer.ini says, for the plan of a change.
	Effective *ini.File
	// Overridden lists the user's settings that have no effect.
	Overridden []layer.Override
}

// Render merges mandatory > inline > Secret > spec.connectionPool > default, key by key, and prints the file. An error
// that holds conf.Problems names what the user has to change.
func Render(in ConfigInput) (Config, error) {
	know, err := catalog.PgBouncer(in.Version)
	if err != nil {
		return Config{}, err
	}
	if err := know.Validate(in.Pool).Err(); err != nil {
		return Config{}, fmt.Errorf("check spec.connectionPool against PgBouncer %s: %w", in.Version, err)
	}
	file, err := userFile(in, know)
	if err != nil {
		return Config{}, err
	}
	line, err := databaseLine(in.Upstream)
	if err != nil {
		return Config{}, err
	}
	file.Section(ini.Databases).Set(in.Upstream.Database, line)
	if err := setPeers(file, know, in.Peers, in.Port); err != nil {
		return Config{}, err
	}
	user := file.Section(ini.PgBouncer).Clone()
	admins, err := adminUsers(in.AdminUser, user)
	if err != nil {
		return Config{}, err
	}
	merged := layer.Merge(layer.Layers{
		Default: onlyKnown(know, defaults(in.Upstream)), Tuned: in.Pool, User: user,
		Mandatory: mandatory(in.Port, user).Merge(conf.NewSettings(conf.ExactCase, clientTLS(in.TLS, in.SSLMode)...)),
	})
	section := file.Section(ini.PgBouncer)
	*section = *merged.Settings()
	section.Set("admin_users", admins)
	text, err := file.Print()
	if err != nil {
		return Config{}, fmt.Errorf("write %s: %w", ConfFile, err)
	}
	return Config{Files: map[string]string{ConfFile: text}, Effective: file, Overridden: merged.Overrides(know)}, nil
}

// databaseLine is the connection string of the one database.
func databaseLine(up Upstream) (string, error) {
	line, err := ini.PrintConn(conf.NewSettings(conf.ExactCase,
		conf.Setting{Name: "host", Value: up.Host},
		conf.Setting{Name: "port", Value: strconv.Itoa(int(up.Port))},
		conf.Setting{Name: "dbname", Value: up.Database},
	))
	if err != nil {
		return "", fmt.Errorf("write the connection string of the database %q: %w", up.Database, err)
	}
	return line, nil
}

// userFile parses and checks what the user wrote.
func userFile(in ConfigInput, know *catalog.Catalog) (*ini.File, error) {
	if err := in.Custom.Fits(ConfFile); err != nil {
		return nil, err
	}
	secret, err := ini.Parse(in.Custom.Secret)
	if err != nil {
		return nil, fmt.Errorf("read %s of the configuration Secret: %w", ConfFile, err)
	}
	inline, err := ini.Parse(in.Custom.Inline)
	if err != nil {
		return nil, fmt.Errorf("read %s of spec.configuration.inline: %w", ConfFile, err)
	}
	merged := secret.Merge(inline)
	if merged.Section(ini.Databases).Len() > 0 {
		return nil, fmt.Errorf("check %s: a database reference can not be added by configuration; "+
			"remove the section [databases] and set spec.database", ConfFile)
	}
	if merged.Section(ini.Peers).Len() > 0 {
		return nil, fmt.Errorf("check %s: the peers of a PgBouncer are its replicas; remove the section [peers]", ConfFile)
	}
	if err := know.ValidateFile(merged).Err(); err != nil {
		return nil, fmt.Errorf("check %s against PgBouncer %s: %w", ConfFile, in.Version, err)
	}
	return merged, nil
}

// onlyKnown drops what this version of the server does not have.
func onlyKnown(know *catalog.Catalog, all *conf.Settings) *conf.Settings {
	known := &conf.Settings{}
	for one := range all.All() {
		if _, ok := know.Lookup(one.Name); ok {
			known.Add(one)
		}
	}
	return known
}
