package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// nodeServer mounts volumes on one node, inside its mount namespace.
type nodeServer struct {
	csi.UnimplementedNodeServer
	name  string
	store store
}

func (n *nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{
		NodeId:             n.name,
		AccessibleTopology: &csi.Topology{Segments: map[string]string{topologyKey: n.name}},
	}, nil
}

func (n *nodeServer) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	var list []*csi.NodeServiceCapability
	for _, t := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
		csi.NodeServiceCapability_RPC_GET_VOLUME_STATS,
	} {
		list = append(list, &csi.NodeServiceCapability{Type: &csi.NodeServiceCapability_Rpc{
			Rpc: &csi.NodeServiceCapability_RPC{Type: t},
		}})
	}
	return &csi.NodeGetCapabilitiesResponse{Capabilities: list}, nil
}

// NodeStageVolume mounts the volume once per node, and lets its file system
// fill a file that was enlarged meanwhile.
func (n *nodeServer) NodeStageVolume(ctx context.Context, r *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if _, err := n.store.size(r.GetVolumeId()); err != nil {
		return nil, err
	}
	file, err := n.store.path(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if err := mountFile(ctx, file, r.GetStagingTargetPath()); err != nil {
		return nil, status.Errorf(codes.Internal, "mount volume %s: %v", r.GetVolumeId(), err)
	}
	if err := growMounted(ctx, r.GetStagingTargetPath()); err != nil {
		return nil, status.Errorf(codes.Internal, "fit file system of volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

func (n *nodeServer) NodeUnstageVolume(ctx context.Context, r *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if err := unmount(ctx, r.GetStagingTargetPath()); err != nil {
		return nil, status.Errorf(codes.Internal, "unmount volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeUnstageVolumeResponse{}, nil
}

func (n *nodeServer) NodePublishVolume(ctx context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if source, err := mountedOn(r.GetStagingTargetPath()); err != nil || source == "" {
		return nil, status.Errorf(codes.FailedPrecondition, "publish volume %s: it is not mounted on %s", r.GetVolumeId(), r.GetStagingTargetPath())
	}
	if err := bindMount(ctx, r.GetStagingTargetPath(), r.GetTargetPath(), r.GetReadonly()); err != nil {
		return nil, status.Errorf(codes.Internal, "publish volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (n *nodeServer) NodeUnpublishVolume(ctx context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := unmount(ctx, r.GetTargetPath()); err != nil {
		return nil, status.Errorf(codes.Internal, "unpublish volume %s: %v", r.GetVolumeId(), err)
	}
	if err := removeTarget(r.GetTargetPath()); err != nil {
		return nil, status.Errorf(codes.Internal, "unpublish volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func (n *nodeServer) NodeExpandVolume(ctx context.Context, r *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	size, err := n.store.size(r.GetVolumeId())
	if err != nil {
		return nil, err
	}
	path := r.GetStagingTargetPath()
	if path == "" {
		path = r.GetVolumePath()
	}
	if err := growMounted(ctx, path); err != nil {
		return nil, status.Errorf(codes.Internal, "enlarge file system of volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: size}, nil
}

func (n *nodeServer) NodeGetVolumeStats(_ context.Context, r *csi.NodeGetVolumeStatsRequest) (*csi.NodeGetVolumeStatsResponse, error) {
	if source, err := mountedOn(r.GetVolumePath()); err != nil || source == "" {
		return nil, status.Errorf(codes.NotFound, "volume %s is not mounted on %s", r.GetVolumeId(), r.GetVolumePath())
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(r.GetVolumePath(), &fs); err != nil {
		return nil, status.Errorf(codes.Internal, "measure volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeGetVolumeStatsResponse{Usage: usage(fs)}, nil
}

func usage(fs unix.Statfs_t) []*csi.VolumeUsage {
	block := fs.Bsize
	return []*csi.VolumeUsage{{
		Unit: csi.VolumeUsage_BYTES, Total: int64(fs.Blocks) * block,
		Available: int64(fs.Bavail) * block, Used: int64(fs.Blocks-fs.Bfree) * block,
	}, {
		Unit: csi.VolumeUsage_INODES, Total: int64(fs.Files),
		Available: int64(fs.Ffree), Used: int64(fs.Files - fs.Ffree),
	}}
}
