// Command probe is what the test's pods run: it serves, and looks around.
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "serve" {
		return serve()
	}
	if len(args) != 2 {
		return fmt.Errorf("usage: probe serve | lookup NAME | get URL | fill FILE | size FOLDER | hook CERTIFICATE,KEY")
	}
	switch args[0] {
	case "lookup":
		return lookup(args[1])
	case "get":
		return get(args[1])
	case "fill":
		return fill(args[1])
	case "size":
		return size(args[1])
	case "hook":
		return hook(args[1])
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// serve answers with the host name until it is told to end.
func serve() error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	fmt.Println("serving as", name)
	go func() {
		err := http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}()
	<-ended
	return nil
}

func lookup(name string) error {
	addresses, err := net.LookupHost(name)
	fmt.Println(strings.Join(addresses, " "))
	return err
}

func get(url string) error {
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// fill writes until the disk is full and prints how many bytes fitted.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	chunk, written := bytes.Repeat([]byte{1}, 1<<20), int64(0)
	for {
		n, err := file.Write(chunk)
		written += int64(n)
		if err != nil {
			fmt.Println(written, err)
			return nil
		}
	}
}

func size(path string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return err
	}
	fmt.Println(strconv.FormatInt(int64(fs.Blocks)*fs.Bsize, 10))
	return nil
}

// hook is an admission webhook that refuses everything with a word of its own.
func hook(files string) error {
	certificate, key, _ := strings.Cut(files, ",")
	return http.ListenAndServeTLS(":8443", certificate, key, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		_, uid, _ := strings.Cut(string(body), `"request":{"uid":"`)
		uid, _, _ = strings.Cut(uid, `"`)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":%q,"allowed":false,"status":{"message":"the probe says no"}}}`, uid)
	}))
}
