package agent_test

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/tls"
	"github.com/matriarchdb/matriarch/internal/tls/tlstest"
)

// check runs the agent's check over files, as the throwaway pod of an operation does, and returns what it says and
// whether it is content.
func (p *pod) check(kind string, config, credentials map[string]string) (string, bool) {
	p.w.t.Helper()
	p.mkdir("/trial/"+naming.TrialConfig, "/trial/"+naming.TrialCredentials)
	for name, content := range config {
		p.write("/trial/"+naming.TrialConfig+"/"+name, content)
	}
	for name, content := range credentials {
		p.write("/trial/"+naming.TrialCredentials+"/"+name, content)
	}
	return p.checkAgain(kind)
}

// checkAgain runs the check over what is there.
func (p *pod) checkAgain(kind string) (string, bool) {
	p.w.t.Helper()
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "setpriv", "--reuid="+strconv.Itoa(int(p.w.uid)),
		"--regid="+strconv.Itoa(int(p.w.gid)), "--clear-groups", binary, "check", kind, p.path("/trial"))
	cmd.Env, cmd.Dir = p.env, p.root
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func TestACheckJudgesThePoolersFilesWithoutAServer(t *testing.T) {
	t.Parallel()
	eachPooler(t, func(t *testing.T, p *poolerPod) {
		credentials := p.kind.credentials("secret")
		if said, content := p.check(p.kind.kind, p.kind.render(p.pod, p.port, nil), credentials); !content {
			t.Errorf("good files are refused: %s", said)
		}
		for what, settings := range map[string]map[string]string{"a bad value": p.kind.badValue, "an unknown name": p.kind.unknown} {
			said, content := p.check(p.kind.kind, p.kind.render(p.pod, p.port, settings), credentials)
			if content || !strings.Contains(said, "refuses the configuration: ") {
				t.Errorf("%s passes, or is not explained: %s", what, said)
			}
			for name := range settings {
				if !strings.Contains(said, name) {
					t.Errorf("%s: the refusal does not name it: %s", what, said)
				}
			}
		}
	})
}

func TestACheckJudgesPostgresFilesWithoutAServer(t *testing.T) {
	t.Parallel()
	need(t, "postgres")
	p := newWorld(t).newPod("db-0", agent.KindPostgres)
	p.mkdir("/var/pv")
	hba := "local all all trust\n"
	if said, content := p.check(agent.KindPostgres, map[string]string{"postgresql.conf": "max_connections = 50\n", "pg_hba.conf": hba}, nil); !content {
		t.Errorf("good files are refused: %s", said)
	}
	for want, conf := range map[string]string{
		"max_conections":    "max_conections = 50\n",
		"nosuchlibrary":     "shared_preload_libraries = 'nosuchlibrary'\n", // only a start sees it
		"syntax error":      "max_connections = too many\n",
		"superuser_reserve": "max_connections = 3\nsuperuser_reserved_connections = 3\n", // only together they are wrong
	} {
		said, content := p.check(agent.KindPostgres, map[string]string{"postgresql.conf": conf, "pg_hba.conf": hba}, nil)
		if content || !strings.Contains(said, "refuses the configuration: ") || !strings.Contains(said, want) {
			t.Errorf("%q passes, or is not explained: %s", conf, said)
		}
	}
	if said, content := p.check("Oracle", nil, nil); content || !strings.Contains(said, "Oracle") {
		t.Errorf("an unknown kind: %s", said)
	}
}

func TestACheckGivesPostgresItsCertificates(t *testing.T) {
	t.Parallel()
	need(t, "postgres")
	p := newWorld(t).newPod("db-0", agent.KindPostgres)
	p.mkdir("/var/pv", "/trial/"+naming.TrialCertificates)
	in := p.path(naming.CertsDir) + "/server/"
	conf := map[string]string{
		"postgresql.conf": fmt.Sprintf("ssl = on\nssl_cert_file = '%sserver.crt'\nssl_key_file = '%sserver.key'\nssl_ca_file = '%sca.crt'\n", in, in, in),
		"pg_hba.conf":     "local all all trust\nhostssl all all all scram-sha-256\n",
	}
	authority := tlstest.NewAuthority(t, "ours")
	set := tls.Of(map[string]tls.Issued{tls.Server: authority.Issue(t, tlstest.Leaf{CommonName: "db"})}).Files()
	for name, content := range set {
		p.write("/trial/"+naming.TrialCertificates+"/"+name, string(content))
	}
	if said, content := p.check(agent.KindPostgres, conf, nil); !content {
		t.Errorf("good files with their certificates are refused: %s", said)
	}
	p.write("/trial/"+naming.TrialCertificates+"/"+naming.TLSServerCrt, "no certificate")
	if said, content := p.checkAgain(agent.KindPostgres); content || !strings.Contains(said, "certificate") {
		t.Errorf("a bad certificate passes, or is not explained: %s", said)
	}
}
