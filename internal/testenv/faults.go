package testenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Moment says whether a failing write takes effect.
type Moment string

const (
	// Before: the API server never sees the write.
	Before Moment = "before"
	// After: the write takes effect, only its answer is lost.
	After Moment = "after"
)

// ErrConnectionLost is the failure of a write whose answer never comes.
var ErrConnectionLost = errors.New("connection lost (injected)")

// Faults lets writes to the API server fail, in front of all clients that are made from its Config. It sits in the HTTP
// transport, so caches, retries and consistency checks of the client above it see what they would see in life. Events and
// Leases do not count as writes. Safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	writes []string
	nth    map[int]fault
	from   int // every write from this one on fails; 0: none
	fromAs fault
	fired  int
}

type fault struct {
	moment Moment
	err    error
}

// FailNth lets the n-th write (from 1, counted from the making of f) fail with err: a status error of the API, such as
// apierrors.NewConflict gives, or any other error as a failure of the connection.
func (f *Faults) FailNth(n int, moment Moment, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.nth == nil {
		f.nth = map[int]fault{}
	}
	f.nth[n] = fault{moment: moment, err: err}
}

// FailFrom lets every write from the n-th on fail with err before its effect, as they do for a process that was killed.
func (f *Faults) FailFrom(n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.from, f.fromAs = n, fault{moment: Before, err: err}
}

// Writes returns the writes seen so far, as "METHOD path", the failed ones included.
func (f *Faults) Writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.writes...)
}

// Fired returns how many writes were made to fail.
func (f *Faults) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Config returns a copy of cfg whose writes go through f.
func (f *Faults) Config(cfg *rest.Config) *rest.Config {
	out := rest.CopyConfig(cfg)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper { return &faultyTransport{faults: f, next: next} })
	return out
}

// FaultyClient returns an uncached client whose writes go through f.
func (e *Env) FaultyClient(t testing.TB, f *Faults) client.Client {
	t.Helper()
	c, err := client.New(f.Config(e.Config), client.Options{Scheme: e.Scheme, Mapper: e.Client.RESTMapper()})
	if err != nil {
		t.Fatalf("make a client with faults: %v", err)
	}
	return c
}

type faultyTransport struct {
	faults *Faults
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *faultyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !isWrite(req) {
		return t.next.RoundTrip(req)
	}
	hit, found := t.faults.take(req)
	if !found {
		return t.next.RoundTrip(req)
	}
	if hit.moment == After {
		resp, err := t.next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		_, copyErr := io.Copy(io.Discard, resp.Body)
		if err := errors.Join(copyErr, resp.Body.Close()); err != nil {
			return nil, err
		}
	} else if req.Body != nil {
		_ = req.Body.Close() // a transport must close the body, whatever happens
	}
	return answer(req, hit.err)
}

// take counts a write and returns the fault planned for it.
func (f *Faults) take(req *http.Request) (fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, req.Method+" "+req.URL.Path)
	hit, found := f.nth[len(f.writes)]
	if !found && f.from > 0 && len(f.writes) >= f.from {
		hit, found = f.fromAs, true
	}
	if found {
		f.fired++
	}
	return hit, found
}

func isWrite(req *http.Request) bool {
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false
	}
	for _, part := range strings.Split(req.URL.Path, "/") {
		switch part {
		case "events", "leases", "authentication.k8s.io", "authorization.k8s.io":
			return false
		}
	}
	return true
}

// answer turns an error of the API into the response that carries it; other errors are the connection's.
func answer(req *http.Request, err error) (*http.Response, error) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return nil, err
	}
	s := status.Status()
	s.Kind, s.APIVersion = "Status", "v1"
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the injected status: %w", err)
	}
	return &http.Response{
		StatusCode: int(s.Code), Status: http.StatusText(int(s.Code)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": []string{"application/json"}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}, nil
}
