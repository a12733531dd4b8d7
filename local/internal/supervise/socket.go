package supervise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/matriarchdb/matriarch/local/internal/component"
)

// Serve answers requests on the socket until the context ends. Whoever may
// open the socket may run anything as root, so only root may.
func Serve(ctx context.Context, s *Supervisor, socket string) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return fmt.Errorf("listen on %s: %w", socket, err)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("listen on %s: %w", socket, err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", socket, err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return fmt.Errorf("listen on %s: %w", socket, err)
	}
	server := &http.Server{Handler: handler(s)}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", socket, err)
	}
	return nil
}

func handler(s *Supervisor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /components", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, s.List(), nil)
	})
	mux.HandleFunc("PUT /components", func(w http.ResponseWriter, r *http.Request) {
		var spec component.Spec
		if err := json.NewDecoder(r.Body).Decode(&spec); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		status, err := s.Put(spec)
		answer(w, status, err)
	})
	mux.HandleFunc("DELETE /components/{name}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, s.Stop(r.PathValue("name")))
	})
	return mux
}

func answer(w http.ResponseWriter, value any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(value) // the asker is gone: nobody to tell
}

// Client talks to a running supervisor.
type Client struct{ http *http.Client }

// NewClient connects lazily to the supervisor on a socket.
func NewClient(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// Put makes a component run as its spec says.
func (c *Client) Put(ctx context.Context, spec component.Spec) (Status, error) {
	var status Status
	return status, c.call(ctx, http.MethodPut, "/components", spec, &status)
}

// Stop ends a component.
func (c *Client) Stop(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/components/"+name, nil, nil)
}

// List is the status of every component, by name.
func (c *Client) List(ctx context.Context) (map[string]Status, error) {
	var list []Status
	if err := c.call(ctx, http.MethodGet, "/components", nil, &list); err != nil {
		return nil, err
	}
	byName := make(map[string]Status, len(list))
	for _, each := range list {
		byName[each.Name] = each
	}
	return byName, nil
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask the supervisor: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
