package main

import (
	"context"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// controller makes, enlarges and deletes volumes. One mutex for all: each call
// takes a fraction of a second, and two calls for one volume must not meet.
type controller struct {
	csi.UnimplementedControllerServer
	store store
	mutex sync.Mutex
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	var list []*csi.ControllerServiceCapability
	for _, t := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		list = append(list, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{
			Rpc: &csi.ControllerServiceCapability_RPC{Type: t},
		}})
	}
	return &csi.ControllerGetCapabilitiesResponse{Capabilities: list}, nil
}

func (c *controller) CreateVolume(ctx context.Context, r *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	if !validID.MatchString(r.GetName()) {
		return nil, status.Errorf(codes.InvalidArgument, "volume name %q is not usable as a file name", r.GetName())
	}
	if err := checkCapabilities(r.GetVolumeCapabilities()); err != nil {
		return nil, err
	}
	node, err := chooseNode(r.GetAccessibilityRequirements())
	if err != nil {
		return nil, err
	}
	size, err := roundUp(r.GetCapacityRange().GetRequiredBytes(), r.GetCapacityRange().GetLimitBytes())
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	have, err := c.store.size(r.GetName())
	switch {
	case status.Code(err) == codes.NotFound:
		err = c.store.create(ctx, r.GetName(), size)
	case err == nil && have != size:
		err = status.Errorf(codes.AlreadyExists, "volume %s exists with %d bytes, %d were asked for", r.GetName(), have, size)
	}
	if err != nil {
		return nil, err
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: r.GetName(), CapacityBytes: size,
		AccessibleTopology: []*csi.Topology{{Segments: map[string]string{topologyKey: node}}},
	}}, nil
}

// checkCapabilities accepts file systems for one node, and says what else was
// asked for.
func checkCapabilities(capabilities []*csi.VolumeCapability) error {
	if len(capabilities) == 0 {
		return status.Error(codes.InvalidArgument, "no volume capabilities given")
	}
	for _, each := range capabilities {
		if each.GetBlock() != nil {
			return status.Error(codes.InvalidArgument, "volumeMode Block is not offered, use Filesystem")
		}
		if t := each.GetMount().GetFsType(); t != "" && t != "xfs" {
			return status.Errorf(codes.InvalidArgument, "file system %s is not offered, use xfs", t)
		}
		switch each.GetAccessMode().GetMode() {
		case csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY,
			csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER,
			csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER:
			return status.Error(codes.InvalidArgument, "a volume is on one node: use ReadWriteOnce or ReadWriteOncePod")
		}
	}
	return nil
}

// chooseNode takes the node that the scheduler has picked, which comes first
// among the preferred ones.
func chooseNode(requirement *csi.TopologyRequirement) (string, error) {
	for _, each := range append(requirement.GetPreferred(), requirement.GetRequisite()...) {
		if node := each.GetSegments()[topologyKey]; node != "" {
			return node, nil
		}
	}
	return "", status.Error(codes.InvalidArgument, "no node given: the StorageClass needs volumeBindingMode WaitForFirstConsumer")
}

func (c *controller) DeleteVolume(_ context.Context, r *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.store.remove(r.GetVolumeId()); err != nil {
		return nil, err
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) ControllerExpandVolume(_ context.Context, r *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	size, err := roundUp(r.GetCapacityRange().GetRequiredBytes(), r.GetCapacityRange().GetLimitBytes())
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if size, err = c.store.grow(r.GetVolumeId(), size); err != nil {
		return nil, err
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: size, NodeExpansionRequired: true}, nil
}

func (c *controller) ValidateVolumeCapabilities(_ context.Context, r *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if _, err := c.store.size(r.GetVolumeId()); err != nil {
		return nil, err
	}
	if err := checkCapabilities(r.GetVolumeCapabilities()); err != nil {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: err.Error()}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: r.GetVolumeCapabilities(),
	}}, nil
}
