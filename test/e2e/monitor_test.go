//go:build e2e

package e2e

import "strings"

// monitored is the part of a spec that asks for an exporter.
const monitored = "  monitor: {agent: prometheus.io/builtin}\n"

// exports waits until the exporter of a database says the line.
func (n namespace) exports(name, line string) {
	n.t.Helper()
	n.eventually("the exporter of "+name+" says "+line, func() string {
		said := n.try("get", "--raw", "/api/v1/namespaces/"+n.name+"/services/"+name+"-stats:metrics/proxy/metrics")
		if !strings.Contains(said, "\n"+line+"\n") {
			return said[max(0, len(said)-500):]
		}
		return ""
	})
}
