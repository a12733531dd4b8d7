package pgpool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/catalog"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Files of the configuration and the credentials Secret, and their names beside each other in the folder.
const (
	confFile   = "pgpool.conf"
	hbaFile    = "pool_hba.conf"
	pcpFile    = "pcp.conf"
	passwdFile = "pool_passwd"
	// keyFile decrypts AES entries of pool_passwd; optional.
	keyFile = ".pgpoolkey"
)

// Options say where things are.
type Options struct {
	// Etc is the folder that the server reads its files from, TLS that of its certificates.
	Etc, TLS string
	// Scratch is a private folder for throwaway processes and passwords.
	Scratch string
}

// Server is a Pgpool-II process and its files.
type Server struct {
	opts     Options
	sup      *supervise.Supervisor
	programs programs
	version  string
	catalog  *catalog.Catalog
	admin    admin

	process  *supervise.Process
	settings *conf.Settings    // of the file written last
	started  *conf.Settings    // of the file that the process was started with
	written  apply.Set         // written last
	begun    apply.Set         // that the process was started with
	nobody   []byte            // an authority that trusts nobody
	expected map[string]string // what a throwaway process reported for the file tried last
	tried    string            // hash of that file
}

// New finds the binaries and asks for their version.
func New(ctx context.Context, sup *supervise.Supervisor, opts Options) (*Server, error) {
	found, err := findPrograms()
	if err != nil {
		return nil, err
	}
	version, err := found.version(ctx, sup)
	if err != nil {
		return nil, err
	}
	known, err := catalog.Pgpool(version)
	if err != nil {
		return nil, fmt.Errorf("know the parameters of Pgpool-II %s: %w", version, err)
	}
	nobody, err := newNobody()
	if err != nil {
		return nil, err
	}
	return &Server{opts: opts, sup: sup, programs: found, version: version, catalog: known, admin: newAdmin(), nobody: nobody}, nil
}

// Version is such as 4.3.5.
func (s *Server) Version() string { return s.version }

// Write puts the files into the folder. pool_passwd is changed in place: running children keep it open and read it
// again through that descriptor for each login, so a replaced file would be seen only by new children.
func (s *Server) Write(set apply.Set) error {
	settings, err := parse(set)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.opts.Etc, 0o700); err != nil {
		return fmt.Errorf("make the folder of Pgpool-II's files: %w", err)
	}
	for name, content := range set.Config {
		if name == hbaFile && s.ahead(settings, set) {
			continue
		}
		if err := apply.WriteFile(filepath.Join(s.opts.Etc, name), content, 0o600); err != nil {
			return err
		}
	}
	for name, content := range set.Credentials {
		write := apply.WriteFile
		switch name {
		case naming.UpstreamCA, naming.UpstreamHash:
			continue // in the file with all authorities
		case passwdFile:
			write = apply.WriteInPlace
		case pcpFile:
			content = append(append([]byte{}, content...), s.admin.pcpLine()...)
		}
		if err := write(filepath.Join(s.opts.Etc, name), content, 0o600); err != nil {
			return err
		}
	}
	if err := s.writeCertificates(set); err != nil {
		return err
	}
	s.settings, s.written = settings, set
	return nil
}

// Start starts pgpool in the foreground.
func (s *Server) Start(ctx context.Context) error {
	if err := s.removeRemains(); err != nil {
		return err
	}
	removeOrphanedMemory()
	process, err := s.sup.Start(supervise.Command{Path: s.programs.pgpool, Args: s.arguments(s.opts.Etc), Dir: s.opts.Etc})
	if err != nil {
		return err
	}
	s.process, s.started, s.begun = process, s.settings, s.written
	return s.awaitListening(ctx, process, s.settings)
}

func (s *Server) arguments(dir string) []string {
	// -n: stay in the foreground; -D: forget which backends were thought to be down.
	args := []string{"-n", "-D", "-f", filepath.Join(dir, confFile), "-a", filepath.Join(dir, hbaFile), "-F", filepath.Join(dir, pcpFile)}
	if _, err := os.Stat(filepath.Join(dir, keyFile)); err == nil {
		args = append(args, "-k", filepath.Join(dir, keyFile))
	}
	return args
}

// removeRemains removes the sockets and the pid file that a killed predecessor left in a folder that outlives the
// container: pgpool would refuse to start over them. Nobody else runs a pgpool here.
func (s *Server) removeRemains() error {
	remains := []string{setting(s.settings, "pid_file_name", "/var/run/pgpool/pgpool.pid")}
	for _, dir := range socketDirs(s.settings) {
		remains = append(remains, filepath.Join(dir, ".s.PGSQL."+setting(s.settings, "port", "9999")))
	}
	remains = append(remains, pcpSocket(s.settings))
	for _, path := range remains {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.opts.Etc, path)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what a former pgpool left: %w", err)
		}
	}
	return nil
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
	port, _ := strconv.Atoi(setting(s.started, "port", "9999"))
	return port
}

func setting(settings *conf.Settings, name, fallback string) string {
	if value, found := settings.Get(name); found && value != "" {
		return value
	}
	return fallback
}

// socketDirs: socket_dir until 4.4, unix_socket_directories since 4.5.
func socketDirs(settings *conf.Settings) []string {
	list := setting(settings, "unix_socket_directories", setting(settings, "socket_dir", "/tmp"))
	var dirs []string
	for dir := range strings.SplitSeq(list, ",") {
		if dir = strings.TrimSpace(dir); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func pcpSocket(settings *conf.Settings) string {
	return filepath.Join(setting(settings, "pcp_socket_dir", "/tmp"), ".s.PGSQL."+setting(settings, "pcp_port", "9898"))
}
