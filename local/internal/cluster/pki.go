package cluster

import (
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/matriarchdb/matriarch/local/internal/atomicfile"
	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/pki"
)

// addons is the group of what runs on the machine beside Kubernetes itself.
const addons = "matriarch-local:addons"

// certificates are all certificates of the cluster's own authority, by file name.
func (c *Cluster) certificates() map[string]pki.Subject {
	controlPlane := addresses(c.Plan.ControlPlane(), localhost)
	list := map[string]pki.Subject{
		"apiserver": {
			CommonName: "kube-apiserver",
			DNSNames: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
				"kubernetes.default.svc.cluster.local", "localhost"},
			Addresses: addresses(c.Plan.ControlPlane(), c.Plan.APIService(), localhost),
		},
		"control-plane":           {CommonName: "control-plane", Addresses: controlPlane},
		"apiserver-kubelet":       {CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}},
		"admin":                   {CommonName: "admin", Organizations: []string{"system:masters"}},
		"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
		"kube-scheduler":          {CommonName: "system:kube-scheduler"},
		"kube-proxy":              {CommonName: "system:kube-proxy"},
	}
	for _, name := range []string{"coredns", "cert-manager", "csi-provisioner", "csi-resizer"} {
		list[name] = pki.Subject{CommonName: name, Organizations: []string{addons}}
	}
	for i := 1; i <= c.Config.Nodes; i++ {
		node := component.NodeName(i)
		list[node] = pki.Subject{
			CommonName: "system:node:" + node, Organizations: []string{"system:nodes"},
			DNSNames: []string{node}, Addresses: addresses(c.Plan.Node(i)),
		}
	}
	return list
}

var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func addresses(list ...netip.Addr) []net.IP {
	converted := make([]net.IP, len(list))
	for i, each := range list {
		converted[i] = each.AsSlice()
	}
	return converted
}

// writeCertificates makes every key and certificate, and a kubeconfig for
// everyone who talks to the API server.
func (c *Cluster) writeCertificates() error {
	now := time.Now()
	authority, err := pki.OpenAuthority(c.State.PKI(), "ca", now)
	if err != nil {
		return err
	}
	for name, subject := range c.certificates() {
		files, err := authority.Issue(name, subject, now)
		if err != nil {
			return err
		}
		if len(subject.Addresses) > 0 && len(subject.Organizations) == 0 {
			continue // a server only
		}
		kubeconfig := c.Kubeconfig(name, files.Certificate, files.Key)
		if err := atomicfile.Write(c.State.Kubeconfig(name), kubeconfig, 0o600); err != nil {
			return err
		}
	}
	if _, _, err := pki.SigningKey(c.State.PKI(), "service-accounts"); err != nil {
		return err
	}
	if err := c.writeEtcdCertificates(now); err != nil {
		return err
	}
	return c.writeAdminKubeconfig(authority)
}

func (c *Cluster) writeEtcdCertificates(now time.Time) error {
	authority, err := pki.OpenAuthority(c.State.PKI(), "etcd-ca", now)
	if err != nil {
		return err
	}
	server := pki.Subject{CommonName: "etcd", Addresses: addresses(c.Plan.ControlPlane(), localhost)}
	if _, err := authority.Issue("etcd", server, now); err != nil {
		return err
	}
	_, err = authority.Issue("etcd-client", pki.Subject{CommonName: "kube-apiserver"}, now)
	return err
}

func (c *Cluster) writeAdminKubeconfig(authority *pki.Authority) error {
	admin, err := authority.Issue("admin", c.certificates()["admin"], time.Now())
	if err != nil {
		return err
	}
	var contents [3][]byte
	for i, path := range []string{authority.Files().Certificate, admin.Certificate, admin.Key} {
		if contents[i], err = os.ReadFile(path); err != nil {
			return err
		}
	}
	return atomicfile.Write(c.State.AdminKubeconfig(),
		c.EmbeddedKubeconfig("admin", contents[0], contents[1], contents[2]), 0o600)
}
