package probe

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matriarchdb/matriarch/internal/testserver"
)

// swallowed is a dial to a pod that has vanished: it ends with its time.
func swallowed(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
}

func TestASwallowedAttemptIsMadeAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	d := dialer{attempt: 10 * time.Millisecond, dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if calls++; calls < attempts {
			return swallowed(ctx)
		}
		here, there := net.Pipe()
		_ = there.Close()
		return here, nil
	}}
	conn, err := d.connect(t.Context(), "tcp", "")
	if err != nil || calls != attempts {
		t.Fatalf("after %d attempts: %v", calls, err)
	}
	_ = conn.Close()
}

func TestAttemptsEndLongBeforeTheProbe(t *testing.T) {
	t.Parallel()
	calls := 0
	d := dialer{attempt: 10 * time.Millisecond, dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		calls++
		return swallowed(ctx)
	}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := d.connect(ctx, "tcp", ""); !errors.Is(err, context.DeadlineExceeded) || calls != attempts || ctx.Err() != nil {
		t.Errorf("after %d attempts: %v, the probe's own time: %v", calls, err, ctx.Err())
	}
}

func TestARefusedAttemptIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	d := dialer{attempt: time.Second, dial: func(context.Context, string, string) (net.Conn, error) {
		calls++
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}}
	if _, err := d.connect(t.Context(), "tcp", ""); !errors.Is(err, syscall.ECONNREFUSED) || calls != 1 {
		t.Errorf("after %d attempts: %v", calls, err)
	}
}

func TestAnAttemptGetsAShareOfTheTime(t *testing.T) {
	t.Parallel()
	for whole, want := range map[time.Duration]time.Duration{20 * time.Second: 2 * time.Second, time.Second: shortestAttempt} {
		ctx, cancel := context.WithTimeout(t.Context(), whole)
		got := dialerWithin(ctx).attempt
		cancel()
		if got > want || got < want-want/10 {
			t.Errorf("of %s an attempt gets %s, want %s", whole, got, want)
		}
	}
	if got := dialerWithin(context.Background()).attempt; got != 0 {
		t.Errorf("without a bound an attempt gets %s", got)
	}
}

// TestAFullBacklogIsNoticedSoon: a listener that accepts nobody lets the kernel drop every further SYN, as the address
// of a vanished pod does.
func TestAFullBacklogIsNoticedSoon(t *testing.T) {
	t.Parallel()
	at := Target{Host: "127.0.0.1", Port: fullListener(t), User: "x", Database: "x", Timeout: 20 * time.Second}
	began := time.Now()
	health := Check(t.Context(), at)
	if took := time.Since(began); health.Accepting || took > at.Timeout/2 {
		t.Errorf("after %s: %+v", took, health)
	}
	if !strings.Contains(health.Message, "connect to") {
		t.Errorf("it says %q", health.Message)
	}
}

// fullListener listens with the shortest backlog there is and fills it.
func fullListener(t *testing.T) int32 {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	port := testserver.Port(t)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(port), Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		ctx, cancel := context.WithTimeout(t.Context(), shortestAttempt)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
		cancel()
		if err != nil {
			return port
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
}
