package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

// query lists the parameters of the core server: extensions' have a dot.
const query = `COPY (SELECT to_json(s) FROM (
	SELECT name, vartype, coalesce(unit, '') AS unit, coalesce(min_val, '') AS min, coalesce(max_val, '') AS max,
		enumvals, boot_val, context
	FROM pg_settings WHERE name NOT LIKE '%%.%%' ORDER BY name COLLATE "C") s) TO '%s'`

type pgSetting struct {
	Name, Vartype, Unit, Min, Max string
	Enumvals                      []string
	BootVal                       *string `json:"boot_val"`
	Context                       string
}

// postgresFacts makes a scratch cluster with the programs in bindir and asks it
// in single-user mode, which needs no socket, no port and no client.
func postgresFacts(bindir string) ([]table.Facts, error) {
	scratch, err := os.MkdirTemp("", "facts")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	data, out := filepath.Join(scratch, "data"), filepath.Join(scratch, "settings.json")
	initdb := exec.Command(filepath.Join(bindir, "initdb"), "--no-sync", "--auth=trust", "--no-locale", "--encoding=UTF8", "-D", data)
	if text, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", initdb, err, text)
	}
	single := exec.Command(filepath.Join(bindir, "postgres"), "--single", "-D", data, "postgres")
	single.Stdin = strings.NewReader(strings.ReplaceAll(fmt.Sprintf(query, out), "\n", " ") + "\n")
	if text, err := single.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", single, err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var facts []table.Facts
	for line := range strings.Lines(string(text)) {
		// COPY doubles the backslashes of JSON.
		var s pgSetting
		if err := json.Unmarshal([]byte(strings.ReplaceAll(line, `\\`, `\`)), &s); err != nil {
			return nil, fmt.Errorf("%s: %w", line, err)
		}
		facts = append(facts, s.facts())
	}
	return facts, hiddenWords(bindir, data, facts)
}

// words that some enum takes without listing it in enumvals: other spellings of
// on and off, and names of older releases (src/backend/utils/misc/guc_tables.c).
var words = []string{
	"on", "off", "true", "false", "yes", "no", "1", "0", "debug", "info", "archive", "hot_standby", "regress",
}

// hiddenWords tries each word on every enum at once: the server, asked to read a
// candidate file and print a value, names the lines it refuses.
func hiddenWords(bindir, data string, facts []table.Facts) error {
	candidate := filepath.Join(data, "candidate.conf")
	for _, word := range words {
		var text strings.Builder
		for _, f := range facts {
			if f.Kind == "enum" {
				fmt.Fprintf(&text, "%s = '%s'\n", f.Name, word)
			}
		}
		if err := os.WriteFile(candidate, []byte(text.String()), 0o600); err != nil {
			return err
		}
		ask := exec.Command(filepath.Join(bindir, "postgres"), "-D", data, "-c", "config_file="+candidate, "-C", "port")
		refused, _ := ask.CombinedOutput() // it ends with an error: some enum always refuses
		for i := range facts {
			f := &facts[i]
			if f.Kind == "enum" && f.Context != "internal" && !strings.Contains(string(refused), `"`+f.Name+`"`) && !slices.Contains(f.Values, word) {
				f.Hidden = append(f.Hidden, word)
			}
		}
	}
	return nil
}

func (s pgSetting) facts() table.Facts {
	f := table.Facts{
		Name: s.Name, Kind: s.Vartype, Unit: s.Unit, Min: s.Min, Max: s.Max, Values: s.Enumvals, Context: s.Context,
	}
	if s.Name == "server_version_num" {
		f.Min, f.Max = "", "" // of the minor release
	}
	if f.Kind == "integer" {
		f.Kind = "int"
	}
	if s.BootVal != nil && !slices.Contains(builtDefaults, s.Name) {
		f.Default, f.HasDefault = *s.BootVal, true
	}
	if all := builtWords[s.Name]; all != nil && f.Kind == "enum" {
		f.Values = all
	}
	return f
}

// builtDefaults are chosen when the server is built, and so differ between
// builds of one version.
var builtDefaults = []string{
	"krb_server_keyfile", "unix_socket_directories", "server_version", "server_version_num",
}

// builtWords depend on the libraries a server is built with; the full lists are
// kept, and a server without the library refuses the word itself.
var builtWords = map[string][]string{
	"default_toast_compression": {"pglz", "lz4"},
	"wal_compression":           {"pglz", "lz4", "zstd", "on", "off"},
}
