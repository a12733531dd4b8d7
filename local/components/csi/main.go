// Command csi is the volume driver of the local cluster. A volume is a sparse
// file with an XFS file system, mounted through a loop device: it has a real
// size, really runs full, and grows while it is in use. XFS, because ext4
// cannot grow mounted without CAP_SYS_RESOURCE, which a container may lack.
//
// The part "controller" makes, enlarges and deletes the files; one "node" part
// per node mounts them there.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"k8s.io/klog/v2"
)

const (
	driverName = "csi.matriarch.local"
	// topologyKey binds a volume to the node it was made for, as with local
	// disks: losing the node means losing the volume.
	topologyKey = driverName + "/node"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: csi controller|node FLAGS"))
	}
	flags := flag.NewFlagSet("csi "+os.Args[1], flag.ExitOnError)
	endpoint := flags.String("endpoint", "", "socket to listen on")
	volumes := flags.String("volumes", "", "folder of the volumes' files")
	node := flags.String("node", "", "name of this node (part node)")
	registration := flags.String("registration", "", "socket on which the kubelet finds the driver (part node)")
	registered := flags.String("registered", "", "file to write when the kubelet has registered the driver (part node)")
	flags.Parse(os.Args[2:]) //nolint:errcheck // ExitOnError

	store := store{dir: *volumes}
	switch os.Args[1] {
	case "controller":
		fail(serve(*endpoint, func(s *grpc.Server) {
			csi.RegisterIdentityServer(s, identity{})
			csi.RegisterControllerServer(s, &controller{store: store})
		}))
	case "node":
		go func() { fail(serveRegistration(*registration, *endpoint, *registered)) }()
		fail(serve(*endpoint, func(s *grpc.Server) {
			csi.RegisterIdentityServer(s, identity{})
			csi.RegisterNodeServer(s, &nodeServer{name: *node, store: store})
		}))
	default:
		fail(fmt.Errorf("unknown part %q, want controller or node", os.Args[1]))
	}
}

func fail(err error) {
	if err != nil {
		klog.ErrorS(err, "the volume driver ends")
		klog.Flush()
		os.Exit(1)
	}
}
