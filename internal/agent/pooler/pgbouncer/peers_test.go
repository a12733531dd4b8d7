package pgbouncer

import (
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/apply"
)

func TestAPodIsNumberedAmongItsPeersOnlyWhereThereAreSome(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[pgbouncer]\nlisten_port = 1\n":                                                "",
		"[peers]\n1 = host=a port=1\n3 = host=c port=1\n":                               "3",
		"[peers]\n1 = host=a port=1\n[pgbouncer]\npeer_id = 0\n":                        "3",
		"[databases]\na = host=b\n[peers]\n1 = host=a port=1\n[pgbouncer]\nverbose = 1": "3",
	} {
		s := &Server{opts: Options{PeerID: 3}}
		file, err := s.parse(apply.Set{Config: apply.Files{iniFile: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := setting(file, "peer_id", ""); got != want {
			t.Errorf("%q: peer_id is %q, want %q", text, got, want)
		}
	}
}
