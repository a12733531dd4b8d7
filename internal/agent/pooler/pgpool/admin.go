package pgpool

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
	"github.com/matriarchdb/matriarch/internal/agent/supervise"
	"github.com/matriarchdb/matriarch/internal/conf"
)

// admin is the agent's own PCP user. Its password lives as long as the agent and is told to nobody, so that PCP works
// whatever happens to the administrator's.
type admin struct{ password string }

const adminUser = "matriarch-agent"

func newAdmin() admin { return admin{password: rand.Text()} }

// pcpLine is the line of pcp.conf; PCP knows no other hash.
func (a admin) pcpLine() []byte {
	sum := md5.Sum([]byte(a.password))
	return fmt.Appendf(nil, "\n%s:%s\n", adminUser, hex.EncodeToString(sum[:]))
}

// runningValues asks a pgpool for the values in force. scratch holds the password file.
func (s *Server) runningValues(ctx context.Context, settings *conf.Settings) (map[string]string, error) {
	passfile := filepath.Join(s.opts.Scratch, "pcppass")
	if err := apply.WriteFile(passfile, fmt.Appendf(nil, "*:*:%s:%s\n", adminUser, s.admin.password), 0o600); err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	err := s.sup.Run(ctx, supervise.Command{
		Path: s.programs.poolStatus,
		Args: []string{"-h", setting(settings, "pcp_socket_dir", "/tmp"), "-p", setting(settings, "pcp_port", "9898"), "-U", adminUser, "-w"},
		Env:  []string{"PCPPASSFILE=" + passfile}, Stdout: &answer, Quiet: true,
	})
	if err != nil {
		return nil, fmt.Errorf("ask Pgpool-II for the values in force: %w", err)
	}
	return parseStatus(answer.Bytes()), nil
}

// parseStatus reads the answer of pcp_pool_status: blocks of `name : …`, `value: …`, `desc : …`.
func parseStatus(answer []byte) map[string]string {
	values := map[string]string{}
	var name string
	lines := bufio.NewScanner(bytes.NewReader(answer))
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), ":")
		if !found {
			continue
		}
		switch strings.TrimSpace(key) {
		case "name":
			name = strings.TrimSpace(value)
		case "value":
			if name != "" && !volatile(name) {
				values[name] = strings.TrimSpace(value)
			}
			name = ""
		}
	}
	return values
}

// volatile tells states and counters from parameters.
func volatile(name string) bool {
	for _, prefix := range []string{"backend_status", "standby_delay", "memqcache_stats_start_time", "memqcache_no_cache_hits", "memqcache_cache_hits"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
