package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

const (
	// patience is how long a component may take to become ready. On two busy
	// cores the API server has been seen to need 30 s.
	patience = 120 * time.Second
	interval = 100 * time.Millisecond
	// tooManyCrashes since the start of waiting end it early.
	tooManyCrashes = 4
	logLines       = 20
)

// check returns nil when something is ready, else what it is waiting for.
type check func(ctx context.Context) error

// await asks repeatedly whether a component is ready. When it does not become
// so, the error ends with the component's last words.
func (c *Cluster) await(ctx context.Context, name string, ready check) error {
	before := c.restarts(ctx, name)
	asked := time.Now()
	deadline := asked.Add(patience)
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := ready(attempt)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", name, ctx.Err())
		}
		if time.Now().After(deadline) {
			return c.withLog(name, fmt.Errorf("%s is not ready after %s: %w", name, patience, err))
		}
		if time.Since(asked) > time.Second {
			asked = time.Now()
			if c.restarts(ctx, name)-before >= tooManyCrashes {
				return c.withLog(name, fmt.Errorf("%s crashes again and again: %w", name, err))
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

func (c *Cluster) restarts(ctx context.Context, name string) int {
	list, err := c.client.List(ctx)
	if err != nil {
		return 0
	}
	return list[name].Restarts
}

// withLog adds the end of a component's log to an error.
func (c *Cluster) withLog(name string, err error) error {
	log, readErr := tail(c.State.Log(name), logLines)
	if readErr != nil || log == "" {
		return err
	}
	return fmt.Errorf("%w\n--- last lines of %s:\n%s", err, c.State.Log(name), log)
}

// run puts a component into place, waits until it is ready and reports.
func (c *Cluster) run(ctx context.Context, spec component.Spec, ready check) error {
	begin := time.Now()
	before, err := c.client.List(ctx)
	if err != nil {
		return err
	}
	if err := c.cgroups.Track(spec.Cgroup); err != nil {
		return err
	}
	after, err := c.client.Put(ctx, spec)
	if err != nil {
		return c.withLog(spec.Name, err)
	}
	if err := c.await(ctx, spec.Name, ready); err != nil {
		return err
	}
	outcome := "ready"
	if before[spec.Name].Identity == after.Identity {
		outcome = "running"
	}
	c.progress.done(spec.Name, outcome, begin)
	return nil
}

// alive is the check for a component that has no better one.
func (c *Cluster) alive(name string) check {
	return func(ctx context.Context) error {
		list, err := c.client.List(ctx)
		if err != nil {
			return err
		}
		if !list[name].Running {
			return fmt.Errorf("it does not run: %s", list[name].LastExit)
		}
		return nil
	}
}

// answers is the check that a URL answers with success. Authority and client
// certificate are file names in the PKI folder.
func (c *Cluster) answers(url, authority, client string) check {
	return func(ctx context.Context) error { return c.get(ctx, url, authority, client, nil) }
}

// object reads an object from the API server.
func (c *Cluster) object(ctx context.Context, path string, into any) error {
	url := fmt.Sprintf("https://%s:6443%s", c.Plan.ControlPlane(), path)
	return c.get(ctx, url, "ca", "admin", into)
}

func (c *Cluster) get(ctx context.Context, url, authority, client string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	return c.do(request, authority, client, into)
}

// do sends a request with a client certificate and reads the answer, which must
// be a success.
func (c *Cluster) do(request *http.Request, authority, client string, into any) error {
	transport, err := c.transport(authority, client)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", request.Method, request.URL, response.Status, strings.TrimSpace(string(body)))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// transport goes to the cluster directly, whatever proxy the environment names.
func (c *Cluster) transport(authority, client string) (*http.Transport, error) {
	file := func(name string) string { return filepath.Join(c.State.PKI(), name) }
	pem, err := os.ReadFile(file(authority + ".crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	certificate, err := tls.LoadX509KeyPair(file(client+".crt"), file(client+".key"))
	if err != nil {
		return nil, err
	}
	return &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: pool, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
	}}, nil
}
