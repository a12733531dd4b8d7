package agent_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/report"
)

// memoryMark is the most that an agent may keep resident, in KiB.
const memoryMark = 25 << 10

func TestAnAgentStaysSmall(t *testing.T) {
	t.Parallel()
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		c := newCluster(t, 2).started()
		for _, p := range c.members {
			for i := range 5 {
				hash := p.configure(map[string]string{"work_mem": fmt.Sprintf("%dMB", i+5), "max_connections": fmt.Sprint(30 + i)})
				p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
			}
			p.isSmall(t)
		}
	})
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		p.serving()
		for _, settings := range []map[string]string{p.kind.reloadable, p.kind.restart, nil, p.kind.reloadable} {
			hash := p.configure(settings)
			p.reports("accepts the change", func(r report.Report) bool { return r.Accepted(hash) })
		}
		p.isSmall(t)
	})
}

func (p *pod) isSmall(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.agent))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[2] == "kB" {
			values[strings.TrimSuffix(fields[0], ":")], _ = strconv.Atoi(fields[1])
		}
	}
	t.Logf("%s: resident %d KiB, of which anonymous %d KiB and the program itself %d KiB; at most %d KiB so far",
		p.name, values["VmRSS"], values["RssAnon"], values["RssFile"], values["VmHWM"])
	if rss := values["VmRSS"]; rss > memoryMark || rss == 0 {
		t.Errorf("the agent of %s keeps %d KiB resident, at most %d are allowed", p.name, rss, memoryMark)
	}
}
