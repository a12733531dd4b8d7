package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// Options say where things are.
type Options struct {
	// Etc is where copies of the configuration's parts are put for people to read.
	Etc string
	// Certs is where certificates are put, a folder in memory.
	Certs string
	// Scratch is a private folder in memory.
	Scratch string
	// Volume is the member's volume.
	Volume Volume
	// Settings are this pod's own, which win over the configuration's; nil for none.
	Settings *conf.Settings
}

// Server is a PostgreSQL process over a data directory, and its files.
type Server struct {
	Programs
	opts Options
	sup  *supervise.Supervisor

	dir       string // the data directory in use
	own       Own
	user      string
	process   *supervise.Process
	settings  *conf.Settings // of the file written last
	begun     *conf.Settings // of the file that the process was started with
	peer      peer
	losses    atomic.Int64
	lossWords atomic.Pointer[string]
	slotted   atomic.Pointer[[]string] // the members with slots, of the configuration written last
	floor     floor                    // see floor.go
	held      map[string]int64         // what the process was started with instead of the files' value
	private   string                   // socket folder of a server that nobody else shall reach; empty for the configured one
}

// Own are the settings of this member alone, which the agent writes itself.
type Own struct {
	// Name of the pod.
	Name string
	// PrimaryConninfo of a standby; empty for a primary.
	PrimaryConninfo string
	// Slotted tells that whoever the standby streams from keeps a slot for it, when the configuration asks for slots.
	Slotted bool
}

// New returns a Server over the data directory in its place.
func New(programs Programs, sup *supervise.Supervisor, opts Options) *Server {
	return &Server{Programs: programs, opts: opts, sup: sup, dir: opts.Volume.Data()}
}

// Use says which data directory is meant from now on, and what is written for this member alone.
func (s *Server) Use(dir string, own Own) { s.dir, s.own = dir, own }

// As says as which role the agent talks to the server.
func (s *Server) As(user string) { s.user = user }

// ownFile holds Own; it is included last and so wins.
const ownFile = "matriarch.conf"

// Vet judges the candidate by `postgres -C`, a process that reads the whole file, changes nothing and takes
// milliseconds. It does not see whether settings fit each other.
func (s *Server) Vet(ctx context.Context, set apply.Set) error {
	for _, key := range []string{naming.PostgresConf, naming.PostgresHBA} {
		if _, found := set.Config[key]; !found {
			return &apply.Refusal{Words: "the configuration Secret has no key " + key}
		}
	}
	if err := s.lacksCertificates(set); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.opts.Scratch, "vet")
	if err != nil {
		return fmt.Errorf("judge a candidate: %w", err)
	}
	defer os.RemoveAll(dir)
	candidate := filepath.Join(dir, naming.PostgresConf)
	if err := apply.WriteFile(candidate, set.Config[naming.PostgresConf], 0o600); err != nil {
		return err
	}
	err = s.sup.Run(ctx, supervise.Command{Path: s.Path("postgres"), Quiet: true, Stdout: &bytes.Buffer{},
		Args: []string{"-D", dir, "-c", "config_file=" + candidate, "-C", "max_connections"}})
	var failure *supervise.Failure
	if errors.As(err, &failure) {
		words := strings.ReplaceAll(failure.Output, candidate, naming.PostgresConf)
		return &apply.Refusal{Words: words}
	}
	return err
}

// Write puts the certificates into their folder and the other files into the data directory.
func (s *Server) Write(set apply.Set) error {
	settings, err := s.parse(set)
	if err != nil {
		return err
	}
	if err := s.Equip(set); err != nil {
		return err
	}
	for key, content := range set.Config {
		path := filepath.Join(s.opts.Etc, key)
		switch key {
		case naming.PostgresConf:
			content = fmt.Appendf(bytes.Clone(content), "\n# This member's own settings, written by its agent.\ninclude_if_exists = '%s'\n", ownFile)
			path = filepath.Join(s.dir, key)
		case naming.PostgresHBA:
			path = filepath.Join(s.dir, key)
		}
		if err := apply.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	members := SlotMembers(set.Config)
	s.settings = settings
	s.slotted.Store(&members)
	return s.writeOwn()
}

// parse reads the settings of a set as they are in force in this pod.
func (s *Server) parse(set apply.Set) (*conf.Settings, error) {
	settings, err := pgconf.Parse(pgconf.PostgreSQL, string(set.Config[naming.PostgresConf]))
	if err != nil {
		return nil, &apply.Refusal{Words: fmt.Sprintf("%s: %v", naming.PostgresConf, err)}
	}
	if s.opts.Settings == nil {
		return settings, nil
	}
	return settings.Merge(s.opts.Settings), nil
}

func (s *Server) writeOwn() error {
	own := pgconf.New(pgconf.PostgreSQL)
	if s.opts.Settings != nil {
		own = s.opts.Settings.Clone()
	}
	own.Set("cluster_name", s.own.Name)
	if s.own.PrimaryConninfo != "" {
		own.Set("primary_conninfo", s.own.PrimaryConninfo)
	}
	if s.own.Slotted && slices.Contains(s.SlotMembers(), s.own.Name) {
		own.Set("primary_slot_name", SlotName(s.own.Name))
	}
	for _, name := range s.Held() {
		own.Set(name, strconv.FormatInt(s.held[name], 10))
	}
	text, err := pgconf.Print(pgconf.PostgreSQL, own)
	if err != nil {
		return fmt.Errorf("write this member's own settings: %w", err)
	}
	if err := apply.WriteFile(filepath.Join(s.dir, ownFile), []byte(text), 0o600); err != nil {
		return err
	}
	signal := filepath.Join(s.dir, standbyFile)
	if s.own.PrimaryConninfo != "" {
		return apply.WriteFile(signal, nil, 0o600)
	}
	return nil
}

// SlotMembers are the members with slots, as the configuration in place says.
func (s *Server) SlotMembers() []string {
	if members := s.slotted.Load(); members != nil {
		return *members
	}
	return nil
}

// Start starts the server with the files in place and returns once it is up: as a primary, when it accepts sessions;
// as a hot standby, when it is consistent and accepts them; as a warm one, when it has started recovery. Crash
// recovery may take long; only ctx bounds it.
func (s *Server) Start(ctx context.Context) error {
	if err := s.hold(ctx); err != nil {
		return err
	}
	return s.start(ctx, "")
}

// StartPrivate is Start for a server that only this agent reaches: no TCP, and its socket in a private folder.
func (s *Server) StartPrivate(ctx context.Context) error { return s.start(ctx, s.opts.Scratch) }

func (s *Server) start(ctx context.Context, private string) error {
	if err := s.checkMajor(); err != nil {
		return err
	}
	// The volume is locked and no process of ours runs: what is there is a leftover.
	if err := os.Remove(filepath.Join(s.dir, pidFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a leftover %s: %w", pidFile, err)
	}
	if err := os.Chmod(s.dir, 0o700); err != nil { // fsGroup may have opened it, and PostgreSQL then refuses to start
		return fmt.Errorf("protect the data directory: %w", err)
	}
	args := []string{"-D", s.dir}
	if private != "" {
		args = append(args, "-c", "listen_addresses=", "-c", "unix_socket_directories="+private,
			"-c", "synchronous_standby_names=") // none is there yet, and init scripts must not wait for one
	}
	s.private = private
	if err := s.removeSocketLock(); err != nil {
		return err
	}
	process, err := s.sup.Start(supervise.Command{Path: s.Path("postgres"), Args: args, Note: s.hear})
	if err != nil {
		return err
	}
	s.process, s.begun = process, s.settings
	return s.awaitUp(ctx)
}

// removeSocketLock removes what a killed server left beside its socket. The folder outlives a container, whose processes
// have the same few numbers each time, so PostgreSQL may take any of them for the owner of the lock.
func (s *Server) removeSocketLock() error {
	dir, port := s.Address()
	lock := filepath.Join(dir, ".s.PGSQL."+port+".lock")
	if err := os.Remove(lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove a leftover %s: %w", lock, err)
	}
	return nil
}

// checkMajor refuses data of another major version in words of its own: it is not the configuration's fault.
func (s *Server) checkMajor() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "PG_VERSION"))
	if err != nil {
		return fmt.Errorf("read the version of the data directory: %w", err)
	}
	if made := strings.TrimSpace(string(text)); made != strconv.Itoa(s.Major) {
		return fmt.Errorf("the data directory was made by PostgreSQL %s, this image has %s: a change of the major version needs an upgrade of the data", made, s.Version)
	}
	return nil
}

const (
	pidFile   = "postmaster.pid"
	pollEvery = 20 * time.Millisecond
)

// awaitUp follows what the postmaster writes into its pid file, as pg_ctl does.
func (s *Server) awaitUp(ctx context.Context) error {
	for {
		switch s.status() {
		case "ready":
			return nil
		case "standby":
			if !s.hot() {
				return nil
			}
		}
		select {
		case <-s.process.Done():
			return &apply.Refusal{Words: s.LastWords()}
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

// status is the last line of the pid file: starting, stopping, ready or standby (up, but accepting no sessions).
func (s *Server) status() string {
	text, err := os.ReadFile(filepath.Join(s.dir, pidFile))
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	const statusLine = 7 // LOCK_FILE_LINE_PM_STATUS, src/include/utils/pidfile.h
	if len(lines) <= statusLine {
		return ""
	}
	return strings.TrimSpace(lines[statusLine])
}

// hot tells whether a standby accepts sessions.
func (s *Server) hot() bool {
	value, found := s.begun.Get("hot_standby")
	on, err := pgconf.ParseBool(value)
	return !found || err != nil || on
}

// Exited is closed when the process is dead.
func (s *Server) Exited() <-chan struct{} { return s.process.Done() }

// Running tells whether the process lives.
func (s *Server) Running() bool { return s.process.Running() }

// LastWords are the last complaints that the process printed.
func (s *Server) LastWords() string { return apply.Complaints(s.process.Lines()) }

// hear listens to what the server prints.
func (s *Server) hear(line string) {
	if lost(line) {
		s.losses.Add(1)
		s.lossWords.Store(&line)
	}
}

// Losses counts how often the server said that it cannot follow its primary any more, and returns its last words.
func (s *Server) Losses() (count int64, words string) {
	if last := s.lossWords.Load(); last != nil {
		words = *last
	}
	return s.losses.Load(), words
}

// immediateReserve is the time that an immediate shutdown gets.
const immediateReserve = 3 * time.Second

// Stop shuts down fast: sessions are ended, a checkpoint is written. Never smart, which waits for clients to leave.
// When the time of ctx is nearly over it shuts down immediately, which costs a recovery at the next start.
func (s *Server) Stop(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	return s.process.StopGently(ctx, syscall.SIGINT, syscall.SIGQUIT, immediateReserve)
}

// Sessions counts the clients' sessions, the agent's own aside. A fast shutdown ends all of them.
func (s *Server) Sessions(ctx context.Context) (int, error) {
	text, err := s.askOne(ctx, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'matriarch-agent'")
	if err != nil {
		return 0, fmt.Errorf("count the sessions: %w", err)
	}
	return strconv.Atoi(text)
}

// StopNow ends the server at once: what demotion means.
func (s *Server) StopNow() {
	if s.process == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), immediateReserve)
	defer cancel()
	_ = s.process.Stop(ctx, syscall.SIGQUIT)
}
