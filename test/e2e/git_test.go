//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// gitServer serves one repository, scripts.git, with a folder db in it.
const gitServer = `
apiVersion: v1
kind: Service
metadata: {name: git}
spec: {selector: {app: git}, ports: [{port: 9418}]}
---
apiVersion: v1
kind: Pod
metadata: {name: git, labels: {app: git}}
spec:
  terminationGracePeriodSeconds: 0
  securityContext: {runAsNonRoot: true, runAsUser: 65533, fsGroup: 65533, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: git
    image: IMAGE
    securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: git, mountPath: /git}]
    command: [sh, -euc]
    args:
    - |
      export HOME=/tmp
      git init --quiet --initial-branch=main /git/scripts.git
      cd /git/scripts.git
      mkdir db
      echo "create table made(by text); insert into made values ('git');" > db/1.sql
      git config user.name x; git config user.email x@example.com
      git add . && git commit --quiet --message scripts
      exec git daemon --reuseaddr --export-all --base-path=/git
    readinessProbe: {tcpSocket: {port: 9418}, periodSeconds: 1}
  volumes: [{name: git, emptyDir: {}}]
`

// TestInitScriptsComeFromGit: a Postgres waits for its git server and says so, takes its scripts from there once, and
// starts again while the git server is away; so does a pooler.
func TestInitScriptsComeFromGit(t *testing.T) {
	t.Parallel()
	n := newNamespace(t)
	script := `
  init:
    script:
      scriptPath: current/db
      git: {args: ["--repo=git://git.` + n.name + `.svc/scripts.git", --depth=1, --link=current, --root=/git, --one-time]}
`
	n.apply(postgres("pg", "15.18", 1, script))
	n.eventually("the Postgres says in git's words why it does not start", func() string {
		said := n.field("postgres/pg", `.status.conditions[?(@.type=="ReplicaReady")].message`)
		if !strings.Contains(said, "container git-sync ended with exit code 1: git-sync (stand-in): git fetch: fatal: ") {
			return said
		}
		return ""
	})
	n.apply(strings.ReplaceAll(gitServer, "IMAGE", n.field("postgresversion/15.18", ".spec.gitSyncer.image")))
	n.ready("postgres/pg")
	c := n.newClient("17.11")
	l := n.login("pg", "pg", 5432)
	c.says(l, "select string_agg(by, ',') from made", "git")
	n.apply(pgpool("pool", "4.6.1", 1, script))
	n.ready("pgpool/pool")
	if got := n.kubectl("exec", "pool-0", "-c", "pgpool", "--", "ls", "/init-scripts"); strings.TrimSpace(got) != "1.sql" {
		t.Errorf("the pooler has the scripts %q", got)
	}
	n.has("pgpool/pool", ".spec.init.initialized", "true")

	n.kubectl("delete", "pod/git", "service/git")
	for _, pod := range []string{"pg-0", "pool-0"} {
		before := n.field("pod/"+pod, ".metadata.uid")
		n.kubectl("delete", "pod", pod)
		n.eventually(pod+" is back without a git server", func() string {
			if n.field("pod/"+pod, ".metadata.uid") == before {
				return "it is still the former one"
			}
			if got := n.field("pod/"+pod, `.status.conditions[?(@.type=="Ready")].status`); got != "True" {
				return "Ready is " + got
			}
			return ""
		})
	}
	c.says(l, "select string_agg(by, ',') from made", "git")
}
