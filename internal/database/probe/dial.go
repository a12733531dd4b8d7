package probe

import (
	"context"
	"errors"
	"net"
	"time"
)

// A packet to a pod that has vanished is swallowed: nothing refuses, and the kernel sends it again and again, always to
// the same pod, because a Service chooses one for each connection, not for each packet. So an attempt gets a small share
// of the probe's time, and the next one has a chance to be sent to a pod that lives. When all attempts are swallowed the
// probe says so after a fraction of its time; the rest of it is for a server that answers slowly.
const (
	attempts = 3
	// attemptShare is the part of the time for the whole probe that one attempt gets, shortestAttempt the least of it: a
	// busy machine on the other side of a continent needs that.
	attemptShare    = 10
	shortestAttempt = 500 * time.Millisecond
)

// dialer opens TCP connections for one probe.
type dialer struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	attempt time.Duration
}

// dialerWithin returns the dialer of a probe that ends with ctx.
func dialerWithin(ctx context.Context) dialer {
	d := dialer{dial: (&net.Dialer{}).DialContext}
	if deadline, bounded := ctx.Deadline(); bounded {
		d.attempt = max(time.Until(deadline)/attemptShare, shortestAttempt)
	}
	return d
}

// connect is the dial function of a connection's configuration.
func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if d.attempt == 0 {
		return d.dial(ctx, network, address)
	}
	var err error
	for range attempts {
		var conn net.Conn
		if conn, err = d.once(ctx, network, address); err == nil {
			return conn, nil
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
			break // refused, unreachable, or no time left: another attempt now would end alike
		}
	}
	return nil, err
}

func (d dialer) once(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.attempt)
	defer cancel()
	return d.dial(ctx, network, address)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}
