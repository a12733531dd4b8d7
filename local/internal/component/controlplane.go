package component

import "fmt"

// Etcd serves only holders of a certificate of its own authority: any client
// certificate of the cluster would otherwise read every Secret. It does not
// sync its writes: what is lost by that, when the machine (not the process)
// dies, is a local cluster.
func (c Cluster) Etcd() Spec {
	url := fmt.Sprintf("https://%s:2379", c.Plan.ControlPlane())
	const peer = "http://127.0.0.1:2380"
	return c.spec(Etcd, c.kube("etcd",
		"--name=local", "--data-dir="+c.State.Etcd(), "--unsafe-no-fsync",
		"--listen-client-urls="+url, "--advertise-client-urls="+url,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=local="+peer,
		"--cert-file="+c.pki("etcd.crt"), "--key-file="+c.pki("etcd.key"),
		"--client-cert-auth", "--trusted-ca-file="+c.pki("etcd-ca.crt"),
		"--quota-backend-bytes=4294967296", "--log-level=warn",
	))
}

// APIServer is the API server; its audit log has one line per request.
func (c Cluster) APIServer() Spec {
	address := c.Plan.ControlPlane().String()
	return c.spec(APIServer, c.kube("kube-apiserver",
		"--advertise-address="+address, "--bind-address="+address, "--secure-port=6443",
		"--service-cluster-ip-range="+c.Plan.Services().String(),
		"--etcd-servers="+fmt.Sprintf("https://%s:2379", address), "--etcd-cafile="+c.pki("etcd-ca.crt"),
		"--etcd-certfile="+c.pki("etcd-client.crt"), "--etcd-keyfile="+c.pki("etcd-client.key"),
		"--tls-cert-file="+c.pki("apiserver.crt"), "--tls-private-key-file="+c.pki("apiserver.key"),
		"--client-ca-file="+c.pki("ca.crt"), "--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction", "--allow-privileged",
		"--kubelet-client-certificate="+c.pki("apiserver-kubelet.crt"), "--kubelet-client-key="+c.pki("apiserver-kubelet.key"),
		"--kubelet-certificate-authority="+c.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.pki("service-accounts.pub"),
		"--service-account-signing-key-file="+c.pki("service-accounts.key"),
		"--audit-policy-file="+c.config("audit-policy.json"), "--audit-log-path="+c.State.Audit(),
		"--audit-log-maxsize=100", "--audit-log-maxbackup=3", "--profiling=false",
	), AuditPolicy())
}

// ControllerManager does without leader election: there is one. Its request
// budget is raised, for tests create and delete much at once.
func (c Cluster) ControllerManager() Spec {
	return c.spec("kube-controller-manager", c.kube("kube-controller-manager", append(c.ownKubeconfigs("kube-controller-manager"),
		"--root-ca-file="+c.pki("ca.crt"), "--service-account-private-key-file="+c.pki("service-accounts.key"),
		"--cluster-signing-cert-file="+c.pki("ca.crt"), "--cluster-signing-key-file="+c.pki("ca.key"),
		"--use-service-account-credentials", "--kube-api-qps=200", "--kube-api-burst=400",
	)...))
}

// Scheduler is the scheduler.
func (c Cluster) Scheduler() Spec {
	return c.spec("kube-scheduler", c.kube("kube-scheduler", c.ownKubeconfigs("kube-scheduler")...))
}

func (c Cluster) ownKubeconfigs(user string) []string {
	file := c.State.Kubeconfig(user)
	return []string{
		"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
		"--leader-elect=false", "--bind-address=" + c.Plan.ControlPlane().String(), "--profiling=false",
		"--tls-cert-file=" + c.pki("control-plane.crt"), "--tls-private-key-file=" + c.pki("control-plane.key"),
	}
}

// RouterProxy makes Services reachable from the control plane, for the API
// server's webhooks, and from the machine, whose packets pass through here. A
// kube-proxy must be some node's: this one says it is the first's.
func (c Cluster) RouterProxy() Spec {
	return c.spec("kube-proxy", c.proxy(1, c.Plan.ControlPlane().String()))
}

// DNS is CoreDNS, at the address that every pod has as its name server.
func (c Cluster) DNS() Spec {
	return c.spec("coredns", []string{c.Program("coredns"), "-conf", c.config("Corefile")}, c.Corefile())
}

// CertManager is cert-manager's controllers and its CA injector.
func (c Cluster) CertManager() Spec {
	return c.spec("cert-manager", []string{
		c.Program("cert-manager"), "-kubeconfig=" + c.State.Kubeconfig("cert-manager"),
		fmt.Sprintf("-health-address=%s:9403", c.Plan.ControlPlane()),
	})
}

// Volumes are the processes behind the default StorageClass: the driver's
// controller, and the two that turn claims and their changes into calls to it.
func (c Cluster) Volumes() []Spec {
	common := []string{"--csi-address=" + c.State.CSI(), "--timeout=60s"}
	provisioner := append([]string{c.Program("csi-provisioner"), "--kubeconfig=" + c.State.Kubeconfig("csi-provisioner"),
		"--extra-create-metadata", "--default-fstype=xfs", "--feature-gates=Topology=true", "--strict-topology"}, common...)
	resizer := append([]string{c.Program("csi-resizer"), "--kubeconfig=" + c.State.Kubeconfig("csi-resizer")}, common...)
	return []Spec{
		c.spec("csi-controller", []string{c.Program("csi"), "controller", "-endpoint=" + c.State.CSI(), "-volumes=" + c.State.Volumes()}),
		c.spec("csi-provisioner", provisioner),
		c.spec("csi-resizer", resizer),
	}
}
