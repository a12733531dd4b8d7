package agent_test

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/matriarchdb/matriarch/internal/agent/kubeapi"
)

// proxy stands between an agent and the API server and can be cut.
type proxy struct {
	target string

	mu    sync.Mutex
	isCut bool
	open  map[net.Conn]bool
}

// behindProxy puts a proxy before the API server of a pod that has not started yet.
func (p *pod) behindProxy() *proxy {
	p.w.t.Helper()
	target, err := url.Parse(env.Config.Host)
	if err != nil {
		p.w.t.Fatal(err)
	}
	host := target.Host
	if host == "" { // the address has no scheme
		host = env.Config.Host
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.w.t.Fatal(err)
	}
	x := &proxy{target: host, open: map[net.Conn]bool{}}
	p.w.t.Cleanup(func() { listener.Close(); x.cut() })
	go x.serve(listener)
	for i, variable := range p.env {
		if strings.HasPrefix(variable, kubeapi.EnvServer+"=") {
			p.env[i] = kubeapi.EnvServer + "=https://" + listener.Addr().String()
		}
	}
	return x
}

func (x *proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", x.target)
		if err != nil || !x.add(client, server) {
			client.Close()
			continue
		}
		go x.copy(client, server)
		go x.copy(server, client)
	}
}

func (x *proxy) add(conns ...net.Conn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.isCut {
		for _, conn := range conns {
			conn.Close()
		}
		return false
	}
	for _, conn := range conns {
		x.open[conn] = true
	}
	return true
}

func (x *proxy) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}

// cut closes every connection and refuses new ones.
func (x *proxy) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.isCut = true
	for conn := range x.open {
		conn.Close()
	}
	clear(x.open)
}

func (x *proxy) heal() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.isCut = false
}
