package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSizesAreRoundedUpToWhatXFSNeeds(t *testing.T) {
	t.Parallel()
	for _, each := range []struct {
		required, limit, want int64
		code                  codes.Code
	}{
		{0, 0, 300 << 20, codes.OK},
		{1 << 20, 0, 300 << 20, codes.OK},
		{300 << 20, 0, 300 << 20, codes.OK},
		{300<<20 + 1, 0, 301 << 20, codes.OK},
		{1 << 30, 1 << 30, 1 << 30, codes.OK},
		{1 << 20, 100 << 20, 0, codes.OutOfRange},
	} {
		got, err := roundUp(each.required, each.limit)
		if got != each.want || status.Code(err) != each.code {
			t.Errorf("%d up to %d: got %d, %v; want %d, %s", each.required, each.limit, got, err, each.want, each.code)
		}
	}
}

func TestAVolumesNameNeverLeavesTheFolder(t *testing.T) {
	t.Parallel()
	s := store{dir: "/volumes"}
	for id, good := range map[string]bool{
		"pvc-1": true, "": false, "../etc/passwd": false, "a/b": false, ".hidden": false, "A": false, strings.Repeat("x", 200): false,
	} {
		if path, err := s.path(id); (err == nil) != good {
			t.Errorf("%q: %s, %v", id, path, err)
		}
	}
}

func request(name string, size int64) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name: name, CapacityRange: &csi.CapacityRange{RequiredBytes: size},
		VolumeCapabilities: []*csi.VolumeCapability{{
			AccessType: &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}},
			AccessMode: &csi.VolumeCapability_AccessMode{Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER},
		}},
		AccessibilityRequirements: &csi.TopologyRequirement{Preferred: []*csi.Topology{{Segments: map[string]string{topologyKey: "node-2"}}}},
	}
}

func TestAVolumeLivesThroughItsLifeWithEveryCallMadeTwice(t *testing.T) {
	t.Parallel()
	ctx, c := context.Background(), &controller{store: store{dir: t.TempDir() + "/volumes"}}
	for range 2 {
		response, err := c.CreateVolume(ctx, request("pvc-1", 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		volume := response.GetVolume()
		if volume.GetCapacityBytes() != minimumSize || volume.GetAccessibleTopology()[0].GetSegments()[topologyKey] != "node-2" {
			t.Errorf("got %v", volume)
		}
	}
	file := filepath.Join(c.store.dir, "pvc-1.img")
	if header, err := os.ReadFile(file); err != nil || string(header[:4]) != "XFSB" {
		t.Errorf("the volume has no XFS: %v", err)
	}
	if _, err := c.CreateVolume(ctx, request("pvc-1", 1<<30)); status.Code(err) != codes.AlreadyExists {
		t.Errorf("another size under the same name: %v", err)
	}
	for range 2 {
		response, err := c.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: "pvc-1", CapacityRange: &csi.CapacityRange{RequiredBytes: 1 << 30}})
		if err != nil || response.GetCapacityBytes() != 1<<30 || !response.GetNodeExpansionRequired() {
			t.Errorf("expand: %v, %v", response, err)
		}
	}
	if response, err := c.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: "pvc-1"}); err != nil || response.GetCapacityBytes() != 1<<30 {
		t.Errorf("a volume has shrunk: %v, %v", response, err)
	}
	for range 2 {
		if _, err := c.DeleteVolume(ctx, &csi.DeleteVolumeRequest{VolumeId: "pvc-1"}); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(c.store.dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	if _, err := c.ControllerExpandVolume(ctx, &csi.ControllerExpandVolumeRequest{VolumeId: "pvc-1"}); status.Code(err) != codes.NotFound {
		t.Errorf("expanding a deleted volume: %v", err)
	}
}

func TestWhatIsNotOfferedIsRefused(t *testing.T) {
	t.Parallel()
	c := &controller{store: store{dir: t.TempDir()}}
	for what, change := range map[string]func(*csi.CreateVolumeRequest){
		"no capabilities": func(r *csi.CreateVolumeRequest) { r.VolumeCapabilities = nil },
		"a block device": func(r *csi.CreateVolumeRequest) {
			r.VolumeCapabilities[0].AccessType = &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
		},
		"ext4": func(r *csi.CreateVolumeRequest) { r.VolumeCapabilities[0].GetMount().FsType = "ext4" },
		"many writers": func(r *csi.CreateVolumeRequest) {
			r.VolumeCapabilities[0].AccessMode.Mode = csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER
		},
		"no node": func(r *csi.CreateVolumeRequest) { r.AccessibilityRequirements = nil },
		"a path":  func(r *csi.CreateVolumeRequest) { r.Name = "../x" },
	} {
		r := request("pvc-1", 0)
		change(r)
		if _, err := c.CreateVolume(context.Background(), r); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnInterruptedCreationLeavesNoVolume(t *testing.T) {
	t.Parallel()
	c := &controller{store: store{dir: t.TempDir()}}
	if err := os.WriteFile(filepath.Join(c.store.dir, "pvc-1.img.new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.size("pvc-1"); status.Code(err) != codes.NotFound {
		t.Errorf("half a volume counts: %v", err)
	}
	if _, err := c.CreateVolume(context.Background(), request("pvc-1", 0)); err != nil {
		t.Errorf("it cannot be made again: %v", err)
	}
}

func TestTheLastMountOnAPathCounts(t *testing.T) {
	t.Parallel()
	const text = `36 35 98:0 / /a rw,noatime master:1 - ext4 /dev/root rw
37 36 7:0 / /a/b\040c rw shared:2 master:3 - xfs /dev/loop0 rw
38 36 7:1 / /a rw - xfs /dev/loop1 rw
`
	for path, want := range map[string]string{"/a": "/dev/loop1", "/a/b c": "/dev/loop0", "/a/b": "", "/": ""} {
		if got, err := mountSource(strings.NewReader(text), path); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := mountSource(strings.NewReader("nonsense\n"), "/a"); err == nil {
		t.Error("nonsense is accepted")
	}
}
