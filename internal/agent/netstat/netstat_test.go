package netstat_test

import (
	"net"
	"testing"

	"github.com/matriarchdb/matriarch/internal/agent/netstat"
)

func TestAListenerAndItsClientsAreSeen(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no %s here: %v", address, err)
			continue
		}
		defer listener.Close()
		port := listener.Addr().(*net.TCPAddr).Port
		if listens, err := netstat.Listening(port); err != nil || !listens {
			t.Errorf("%s: listening %v (%v)", address, listens, err)
		}
		if clients, err := netstat.Clients(port); err != nil || len(clients) != 0 {
			t.Errorf("%s: clients %v (%v) before there is one", address, clients, err)
		}
		one, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		two, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		clients, err := netstat.Clients(port)
		if err != nil || len(clients) != 2 || clients[0] == clients[1] {
			t.Errorf("%s: clients %v (%v), want two", address, clients, err)
		}
		one.Close()
		two.Close()
	}
}

func TestAClientThatHasGoneIsStillSeen(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.Close() // the server has not noticed
	if clients, err := netstat.Clients(port); err != nil || len(clients) != 1 {
		t.Errorf("clients %v (%v), want the one that has gone", clients, err)
	}
}

func TestNobodyListensOnAFreePort(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	if listens, err := netstat.Listening(port); err != nil || listens {
		t.Errorf("listening %v (%v)", listens, err)
	}
}
