package pgpool

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/netstat"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/conf/pgconf"
)

const (
	// startTimeout bounds the wait for a pgpool to listen; a bad value ends it within milliseconds.
	startTimeout = 30 * time.Second
	// tryTimeout bounds a throwaway process. One that still runs then has accepted its values.
	tryTimeout = 10 * time.Second
	pollEvery  = 20 * time.Millisecond
)

// aside are the settings of a throwaway process that keep it out of the running one's way: no TCP, sockets and
// states of its own, no watchdog, little memory, no patience with backends.
func aside(dir string) []conf.Setting {
	return []conf.Setting{
		{Name: "listen_addresses"}, {Name: "pcp_listen_addresses"},
		{Name: "port", Value: "9999"}, {Name: "pcp_port", Value: "9898"},
		{Name: "socket_dir", Value: dir}, {Name: "unix_socket_directories", Value: dir}, {Name: "pcp_socket_dir", Value: dir},
		{Name: "pid_file_name", Value: filepath.Join(dir, "pgpool.pid")}, {Name: "logdir", Value: dir},
		{Name: "work_dir", Value: dir}, {Name: "log_destination", Value: "stderr"}, {Name: "logging_collector", Value: "off"},
		{Name: "memqcache_oiddir", Value: dir}, {Name: "memqcache_method", Value: "shmem"},
		{Name: "memqcache_max_num_cache", Value: "1000"}, {Name: "memqcache_total_size", Value: "4194304"},
		{Name: "memqcache_cache_block_size", Value: "1048576"}, {Name: "memqcache_maxcache", Value: "409600"},
		{Name: "use_watchdog", Value: "off"}, {Name: "health_check_period", Value: "0"}, {Name: "sr_check_period", Value: "0"},
		{Name: "search_primary_node_timeout", Value: "1"},
	}
}

// Try starts a throwaway process over the candidate. It keeps the values that this process reports, in the server's
// own notation, to compare them with the running one's after a reload.
func (s *Server) Try(ctx context.Context, set apply.Set) error {
	s.expected, s.tried = nil, ""
	settings, err := parse(set)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.opts.Scratch, "try")
	if err != nil {
		return fmt.Errorf("try a candidate: %w", err)
	}
	defer os.RemoveAll(dir)
	apart := settings.Clone()
	for _, one := range aside(dir) {
		if _, known := s.catalog.Lookup(one.Name); known {
			apart.Add(one)
		}
	}
	if err := s.writeCandidate(dir, set, apart); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	process, err := s.sup.Start(supervise.Command{Path: s.programs.pgpool, Args: s.arguments(dir), Dir: dir, Quiet: true})
	if err != nil {
		return err
	}
	defer endTrial(process)
	if err := s.awaitListening(ctx, process, apart); err != nil {
		return err
	}
	for ctx.Err() == nil {
		values, err := s.runningValues(ctx, apart)
		if err == nil {
			s.expected, s.tried = without(values, aside(dir)), set.Config.Hash()
			return nil
		}
		select {
		case <-process.Done():
			return refusal(process)
		case <-time.After(pollEvery):
		}
	}
	return nil // it runs, and only PCP waits for a primary: the catalog has to tell what needs a restart
}

// endTrial ends a pgpool that nobody uses. It has to end by itself: a killed one leaves its shared memory.
func endTrial(process *supervise.Process) {
	ctx, cancel := context.WithTimeout(context.Background(), fastReserve)
	defer cancel()
	if err := process.Stop(ctx, syscall.SIGINT); err != nil {
		slog.Warn("the trial of a configuration had to be killed", "error", err)
	}
	removeOrphanedMemory()
}

func (s *Server) writeCandidate(dir string, set apply.Set, settings *conf.Settings) error {
	text, err := pgconf.Print(pgconf.Pgpool, settings)
	if err != nil {
		return &apply.Refusal{Words: err.Error()}
	}
	files := apply.Files{confFile: []byte(text), hbaFile: set.Config[hbaFile], pcpFile: s.admin.pcpLine()}
	for _, name := range []string{passwdFile, keyFile} {
		if content, found := set.Credentials[name]; found {
			files[name] = content
		}
	}
	for name, content := range files {
		if err := apply.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// awaitListening waits until clients can connect to the process over its Unix socket.
func (s *Server) awaitListening(ctx context.Context, process *supervise.Process, settings *conf.Settings) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	dirs := socketDirs(settings)
	if len(dirs) == 0 {
		return &apply.Refusal{Words: "no folder for the Unix socket is configured (unix_socket_directories)"}
	}
	socket := filepath.Join(dirs[0], ".s.PGSQL."+setting(settings, "port", "9999"))
	for {
		if listens(socket, settings) {
			return nil
		}
		select {
		case <-process.Done():
			return refusal(process)
		case <-ctx.Done():
			process.KillGroup()
			<-process.Done()
			return &apply.Refusal{Words: fmt.Sprintf("pgpool does not listen on %s: %s", socket, process.Tail)}
		case <-time.After(pollEvery):
		}
	}
}

// listens tells whether pgpool has all its sockets: it makes the Unix one first, and may fail on the others.
func listens(socket string, settings *conf.Settings) bool {
	if listen, found := settings.Get("listen_addresses"); found && listen != "" {
		port, _ := strconv.Atoi(setting(settings, "port", "9999"))
		if open, err := netstat.Listening(port); err == nil && !open {
			return false
		}
	}
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

func refusal(process *supervise.Process) error {
	return &apply.Refusal{Words: apply.Complaints(process.Tail.Lines())}
}

func without(values map[string]string, settings []conf.Setting) map[string]string {
	for _, one := range settings {
		delete(values, one.Name)
	}
	delete(values, "memqcache_cache_oiddir") // what PCP calls memqcache_oiddir
	return values
}
