package apply

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/matriarchdb/matriarch/internal/agent/report"
)

// messageMax cuts a message in a report: the annotations of a pod share 256 KiB with everything else.
const messageMax = 2048

// Reporter holds the agent's Report and hands on each change.
type Reporter struct {
	mu      sync.Mutex
	current report.Report
	publish func(string)
}

// NewReporter returns a Reporter that calls publish with the rendered report when it changes.
func NewReporter(publish func(string)) *Reporter { return &Reporter{publish: publish} }

// Update changes the report.
func (r *Reporter) Update(change func(*report.Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.current)
	r.current.PendingRestart = slices.Clone(r.current.PendingRestart)
	slices.Sort(r.current.PendingRestart)
	r.current.Problem = shorten(r.current.Problem)
	r.publish(r.current.String())
}

// Problem says why the server does not serve; empty while it does.
func (r *Reporter) Problem(why string) {
	r.Update(func(rep *report.Report) { rep.Problem = why })
}

// Current returns the report as it stands.
func (r *Reporter) Current() report.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// shorten keeps the end of a long text: servers say last what made them give up.
func shorten(text string) string {
	text = strings.ToValidUTF8(strings.TrimSpace(text), "?")
	if len(text) <= messageMax {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-messageMax:], "")
}

// Complaints picks from a server's last lines those that say what went wrong, with what explains them; all lines
// when none does.
func Complaints(lines []string) string {
	var picked []string
	explains := false
	for _, line := range lines {
		explains = complaint.MatchString(line) || explains && explanation.MatchString(line)
		if explains {
			picked = append(picked, line)
		}
	}
	if len(picked) == 0 {
		picked = lines
	}
	return strings.Join(picked, "\n")
}

var (
	complaint   = regexp.MustCompile(`\b(FATAL|ERROR|PANIC)\b|(?i:\berror:)`)
	explanation = regexp.MustCompile(`\b(DETAIL|HINT|CONTEXT):`)
)
