package pgbouncer

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/conf/layer"
)

// aside are the settings of a throwaway process that keep it out of the running one's way.
func aside(dir string) []conf.Setting {
	return []conf.Setting{
		{Name: "listen_addr"}, {Name: "unix_socket_dir", Value: dir}, {Name: "pidfile"}, {Name: "logfile"}, {Name: "syslog", Value: "0"},
		{Name: "so_reuseport", Value: "0"}, {Name: "auth_file", Value: filepath.Join(dir, userlistFile)},
	}
}

// Try starts a throwaway process over the candidate and keeps the values that it reports.
func (s *Server) Try(ctx context.Context, set apply.Set) error {
	s.expected, s.tried = nil, ""
	file, err := s.parse(set)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.opts.Scratch, "try")
	if err != nil {
		return fmt.Errorf("try a candidate: %w", err)
	}
	defer os.RemoveAll(dir)
	apart := file.Clone()
	for _, one := range aside(dir) {
		apart.Section(ini.PgBouncer).Add(one)
	}
	if err := s.elsewhere(dir, apart, set); err != nil {
		return err
	}
	text, err := apart.Print()
	if err != nil {
		return &apply.Refusal{Words: err.Error()}
	}
	candidate := filepath.Join(dir, iniFile)
	if err := apply.WriteFile(candidate, []byte(text), 0o600); err != nil {
		return err
	}
	if err := apply.WriteFile(filepath.Join(dir, userlistFile), set.Credentials[userlistFile], 0o600); err != nil {
		return err
	}
	process, err := s.sup.Start(supervise.Command{Path: s.program, Args: []string{candidate}, Quiet: true})
	if err != nil {
		return err
	}
	defer func() {
		process.KillGroup() // nobody is connected, nothing is worth a shutdown
		<-process.Done()
	}()
	at := consoleOf(apart)
	if err := awaitConsole(ctx, process, at); err != nil {
		return err
	}
	values, err := at.config(ctx)
	if err != nil {
		return err
	}
	for _, one := range aside(dir) {
		delete(values, one.Name)
	}
	delete(values, "conffile")
	for one := range pgbouncerSection(apart).All() {
		if strings.HasPrefix(one.Value, dir) {
			delete(values, one.Name)
		}
	}
	s.expected, s.tried = values, set.Config.Hash()
	return nil
}

// Reload sends RELOAD, which returns when it is done, and compares what the server reports with what it was told. A
// version before 1.25 does not say when it refuses a file; its values then stay as they were. Where a change counts only
// for connections opened after it, RECONNECT has those to the database renewed, each as soon as it is free.
func (s *Server) Reload(ctx context.Context, set apply.Set) ([]string, error) {
	if demandsTLSAnew(s.loaded, s.file) {
		if err := s.offerTLS(ctx); err != nil {
			return nil, err
		}
	}
	commands := []string{"RELOAD"}
	if len(layer.Diff(pgbouncerSection(s.loaded), pgbouncerSection(s.file), s.catalog).Names(layer.Reconnect)) > 0 {
		commands = append(commands, "RECONNECT")
	}
	running, err := consoleOf(s.started).config(ctx, commands...)
	if err != nil {
		return nil, err
	}
	s.loaded = s.file
	pending := map[string]bool{}
	changes := layer.Diff(pgbouncerSection(s.started), pgbouncerSection(s.file), s.catalog)
	for _, name := range changes.Names(layer.Restart) {
		pending[name] = true
	}
	for _, name := range s.stale(set) {
		pending[name] = true
	}
	if s.tried != set.Config.Hash() {
		// Only credentials changed, or an untried configuration came back.
		return slices.Sorted(maps.Keys(pending)), nil
	}
	for name, want := range s.expected {
		is, reported := running[name]
		switch {
		case reported && is != want:
			pending[name] = true
		case reported && !strings.Contains(name, "_tls_"): // whose path says nothing of the file's content
			delete(pending, name)
		}
	}
	return slices.Sorted(maps.Keys(pending)), nil
}
