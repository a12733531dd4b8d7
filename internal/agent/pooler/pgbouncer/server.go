package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/netstat"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/conf/ini"
	"github.com/matriarchdb/matriarch/internal/naming"
)

const (
	// iniFile is the key of the configuration Secret and the name of the file.
	iniFile = "pgbouncer.ini"
	// userlistFile is the key of the credentials Secret; the file is where auth_file says.
	userlistFile = "userlist"
)

// Options say where things are.
type Options struct {
	// Etc is the folder of pgbouncer.ini.
	Etc string
	// Secret is the folder of userlist and of the certificates for the PostgreSQL behind.
	Secret string
	// TLS is the folder of the server's own certificates.
	TLS string
	// Scratch is a private folder for throwaway processes.
	Scratch string
	// PeerID is which of the peers in pgbouncer.ini this one is.
	PeerID int
}

// Server is a PgBouncer process and its files.
type Server struct {
	opts    Options
	sup     *supervise.Supervisor
	program string
	version string
	catalog *catalog.Catalog

	process    *supervise.Process
	file       *ini.File // written last
	set        apply.Set // that it was part of
	started    *ini.File // that the process was started with
	startedSet apply.Set
	loaded     *ini.File         // that the process read last
	expected   map[string]string // what a throwaway process reported for the file tried last
	tried      string            // hash of that file
}

// New finds the binary and asks for its version.
func New(ctx context.Context, sup *supervise.Supervisor, opts Options) (*Server, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	version, err := askVersion(ctx, sup, program)
	if err != nil {
		return nil, err
	}
	known, err := catalog.PgBouncer(version)
	if err != nil {
		return nil, fmt.Errorf("know the parameters of PgBouncer %s: %w", version, err)
	}
	return &Server{opts: opts, sup: sup, program: program, version: version, catalog: known}, nil
}

// Version is such as 1.18.0.
func (s *Server) Version() string { return s.version }

// Vet judges syntax, names and values by the catalog.
func (s *Server) Vet(_ context.Context, set apply.Set) error {
	file, err := s.parse(set)
	if err != nil {
		return err
	}
	if err := s.catalog.ValidateFile(file).Err(); err != nil {
		return &apply.Refusal{Words: fmt.Sprintf("%s: %v", iniFile, err)}
	}
	return s.await(file, set)
}

// parse reads the file, as this pod's: the pods share a Secret, and only their agents know which of the peers they are.
func (s *Server) parse(set apply.Set) (*ini.File, error) {
	text, found := set.Config[iniFile]
	if !found {
		return nil, &apply.Refusal{Words: "the configuration Secret has no key " + iniFile}
	}
	file, err := ini.Parse(string(text))
	if err != nil {
		return nil, &apply.Refusal{Words: fmt.Sprintf("%s: %v", iniFile, err)}
	}
	if file.Section(ini.Peers).Len() > 0 {
		pgbouncerSection(file).Set("peer_id", strconv.Itoa(s.opts.PeerID))
	}
	return file, nil
}

// Write puts the files into their folders.
func (s *Server) Write(set apply.Set) error {
	file, err := s.parse(set)
	if err != nil {
		return err
	}
	text, err := file.Print()
	if err != nil {
		return &apply.Refusal{Words: fmt.Sprintf("%s: %v", iniFile, err)}
	}
	config := maps.Clone(set.Config)
	config[iniFile] = []byte(text)
	credentials := maps.Clone(set.Credentials)
	delete(credentials, naming.UpstreamHash)
	if err := errors.Join(write(s.opts.TLS, certificates(set)), write(s.opts.Secret, credentials), write(s.opts.Etc, config)); err != nil {
		return err
	}
	if err := s.removeUnused(file, set); err != nil {
		return err
	}
	s.file, s.set = file, set
	return nil
}

// Start starts pgbouncer in the foreground.
func (s *Server) Start(ctx context.Context) error {
	// A pid file left by a killed predecessor may name a process that lives now; nobody else runs a pgbouncer here.
	if pidfile := setting(s.file, "pidfile", ""); pidfile != "" {
		if err := os.Remove(pidfile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what a former pgbouncer left: %w", err)
		}
	}
	process, err := s.sup.Start(supervise.Command{Path: s.program, Args: []string{filepath.Join(s.opts.Etc, iniFile)}})
	if err != nil {
		return err
	}
	s.process, s.started, s.startedSet, s.loaded = process, s.file, s.set, s.file
	if err := awaitConsole(ctx, process, consoleOf(s.file)); err != nil {
		return err
	}
	return s.checkListens(ctx)
}

// checkListens ends a pgbouncer that does not listen over TCP although it should: it only logs that and carries on.
func (s *Server) checkListens(ctx context.Context) error {
	if setting(s.file, "listen_addr", "") == "" {
		return nil
	}
	listens, err := netstat.Listening(s.Port())
	if err != nil || listens {
		return err
	}
	words := s.LastWords()
	_ = s.process.Stop(ctx, syscall.SIGTERM)
	return fmt.Errorf("pgbouncer does not listen on port %d: %s", s.Port(), words)
}

// Exited is closed when the process is dead.
func (s *Server) Exited() <-chan struct{} { return s.process.Done() }

// LastWords are the last lines that the process printed.
func (s *Server) LastWords() string { return apply.Complaints(s.process.Lines()) }

// Port is where clients connect.
func (s *Server) Port() int {
	if s.started == nil {
		return 0
	}
	port, _ := strconv.Atoi(setting(s.started, "listen_port", defaultPort))
	return port
}

func setting(file *ini.File, name, fallback string) string {
	if value, found := pgbouncerSection(file).Get(name); found && value != "" {
		return value
	}
	return fallback
}

func pgbouncerSection(file *ini.File) *conf.Settings { return file.Section(ini.PgBouncer) }
