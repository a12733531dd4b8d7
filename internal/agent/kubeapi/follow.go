package kubeapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

const (
	// retryFirst and retryMax bound the pause between attempts to reach the API server again.
	retryFirst = 200 * time.Millisecond
	retryMax   = 10 * time.Second
	// watchSeconds is how long one watch may last; the server ends it then and Follow goes on where it stopped.
	watchSeconds = 30 * 60
)

// FollowSecret calls seen with the present state of a Secret and with every later one, nil while it does not exist,
// until ctx ends. It may skip states, never the last one.
func (c *Client) FollowSecret(ctx context.Context, name string, seen func(*corev1.Secret)) {
	f := follower{client: c.core, namespace: c.namespace, resource: "secrets", name: name,
		empty: func() runtime.Object { return &corev1.Secret{} },
		seen: func(o runtime.Object) {
			secret, _ := o.(*corev1.Secret)
			seen(secret)
		}}
	f.run(ctx)
}

// FollowLease is FollowSecret for a Lease.
func (c *Client) FollowLease(ctx context.Context, name string, seen func(*coordinationv1.Lease)) {
	f := follower{client: c.coord, namespace: c.namespace, resource: "leases", name: name,
		empty: func() runtime.Object { return &coordinationv1.Lease{} },
		seen: func(o runtime.Object) {
			lease, _ := o.(*coordinationv1.Lease)
			seen(lease)
		}}
	f.run(ctx)
}

// follower follows one object: read it, then watch from the version read. Whatever breaks, it starts again from the
// read, so a lost event cannot stay lost.
type follower struct {
	client    rest.Interface
	namespace string
	resource  string
	name      string
	empty     func() runtime.Object
	seen      func(runtime.Object)
}

func (f *follower) run(ctx context.Context) {
	pause := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil || time.Since(began) > retryMax {
			pause = retryFirst
		}
		if err != nil {
			slog.Warn("cannot follow, will try again", "resource", f.resource, "name", f.name, "pause", pause, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, retryMax)
	}
}

// anyVersion watches from whatever state the server has at hand: an object that exists comes as the first event.
const anyVersion = "0"

// once reads the object and follows it until the watch cannot go on. A nil error means: start again.
func (f *follower) once(ctx context.Context) error {
	version, err := f.read(ctx)
	if err != nil {
		return err
	}
	for {
		next, err := f.watch(ctx, version)
		switch {
		case err != nil:
			return err
		case next != "":
			version = next
		case version == anyVersion:
			return nil
		default:
			// The version is too old to watch from, and reading gives no other one as long as the object does not change.
			if _, err := f.read(ctx); err != nil {
				return err
			}
			version = anyVersion
		}
	}
}

func (f *follower) read(ctx context.Context) (version string, err error) {
	object := f.empty()
	err = f.client.Get().Namespace(f.namespace).Resource(f.resource).Name(f.name).
		Timeout(callTimeout).Do(ctx).Into(object)
	if apierrors.IsNotFound(err) {
		f.seen(nil)
		return anyVersion, nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s %s/%s: %w", f.resource, f.namespace, f.name, err)
	}
	f.seen(object)
	return versionOf(object), nil
}

// watch follows from version on and returns the version to go on from; an empty one asks for a new read.
func (f *follower) watch(ctx context.Context, version string) (string, error) {
	stream, err := f.client.Get().Namespace(f.namespace).Resource(f.resource).
		Param("fieldSelector", "metadata.name="+f.name).
		Param("watch", "true").
		Param("allowWatchBookmarks", "true").
		Param("resourceVersion", version).
		Param("timeoutSeconds", fmt.Sprint(watchSeconds)).
		Watch(ctx)
	if err != nil {
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			return "", nil
		}
		return "", fmt.Errorf("watch %s %s/%s: %w", f.resource, f.namespace, f.name, err)
	}
	defer stream.Stop()
	began := time.Now()
	for event := range stream.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified:
			f.seen(event.Object)
			version = versionOf(event.Object)
		case watch.Deleted:
			f.seen(nil)
			version = versionOf(event.Object)
		case watch.Bookmark:
			version = versionOf(event.Object)
		case watch.Error:
			err := apierrors.FromObject(event.Object)
			if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
				return "", nil
			}
			return "", fmt.Errorf("watch %s %s/%s: %w", f.resource, f.namespace, f.name, err)
		}
	}
	if ctx.Err() == nil && time.Since(began) < time.Second {
		return "", errors.New("the API server ended the watch at once") // makes run pause
	}
	return version, nil
}

func versionOf(object runtime.Object) string {
	if accessor, ok := object.(metav1.Object); ok {
		return accessor.GetResourceVersion()
	}
	return ""
}
