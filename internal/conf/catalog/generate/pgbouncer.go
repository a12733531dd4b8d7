package main

import (
	"fmt"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

// PgBouncer's SHOW CONFIG tells names, defaults and what can be changed, but no
// types. All of it lies in the program as one array of struct CfKey
// (lib/usual/cfparser.h), closed by an entry without a name.
const (
	keyName, keySetter, keyExtra, keyFlags, keyDefault, keySize = 0, 8, 24, 32, 48, 56

	flagNoReload = 1 << 2
	flagReadOnly = 1 << 3
)

// examples name a parameter of each type that every version has; parameters
// with the same setter are of the same type.
var examples = map[string]string{
	"max_client_conn":    "cint",
	"max_packet_size":    "cint",
	"server_lifetime":    "time",
	"auth_query":         "string",
	"auth_file":          "string",
	"auth_hba_file":      "string",
	"auth_dbname":        "string", // like a string, refusing the reserved "pgbouncer"
	"logfile":            "string",
	"tcp_defer_accept":   "cint",
	"client_tls_ca_file": "string",
}

func pgbouncerFacts(program string) ([]table.Facts, error) {
	m, err := openImage(program)
	if err != nil {
		return nil, err
	}
	first, ok := m.firstKey()
	if !ok {
		return nil, fmt.Errorf("found no parameters: is this pgbouncer?")
	}
	kinds := map[uint64]string{}
	for at := first; ; at += keySize {
		name, ok := m.text(at + keyName)
		if !ok {
			break
		}
		if kind := examples[name]; kind != "" {
			kinds[m.pointer(at+keySetter)] = kind
		}
	}
	var all []table.Facts
	for at := first; ; at += keySize {
		f, ok := m.key(at)
		if !ok {
			return all, nil
		}
		if f.Kind == "" {
			f.Kind = kinds[m.pointer(at+keySetter)]
		}
		if f.Kind == "" {
			return nil, fmt.Errorf("%s is of a type of its own; name it in examples", f.Name)
		}
		all = append(all, f)
	}
}

// firstKey finds the array by its first entry, which has always been
// admin_users since the array is sorted, and an entry that follows it.
func (m *image) firstKey() (addr uint64, ok bool) {
	for _, data := range m.data {
		for at := (data.start + 7) &^ 7; at+2*keySize < data.start+uint64(len(data.bytes)); at += 8 {
			if name, ok := m.text(at); !ok || name != "admin_users" {
				continue
			}
			for back := at - keySize; ; back -= keySize {
				if name, ok := m.text(back); !ok || !parameterName.MatchString(name) {
					return back + keySize, true
				}
			}
		}
	}
	return 0, false
}

// key reads one entry; its kind is left empty unless it has a list of words.
func (m *image) key(at uint64) (f table.Facts, ok bool) {
	f.Name, ok = m.text(at + keyName)
	if !ok {
		return f, false
	}
	f.Context = "reload"
	switch flags := m.int32(at + keyFlags); {
	case flags&flagReadOnly != 0:
		f.Context = "fixed"
	case flags&flagNoReload != 0:
		f.Context = "restart"
	}
	f.Default, f.HasDefault = m.text(at + keyDefault)
	for entry := m.pointer(at + keyExtra); entry != 0; entry += 16 {
		word, ok := m.text(entry)
		if !ok {
			break
		}
		f.Kind = "enum"
		f.Values = append(f.Values, word)
	}
	return f, true
}
