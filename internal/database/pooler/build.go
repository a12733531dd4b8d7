package pooler

import (
	corev1 "k8s.io/api/core/v1"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/blocks"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// GracePeriodSeconds is how long a pod may drain: clients finish what they do before the server stops.
const GracePeriodSeconds = 60

// The volume with the user's init scripts.
const (
	InitVolume = "init-scripts"
	InitDir    = "/init-scripts"
)

// Parts is what a kind says about its server.
type Parts struct {
	// Files of the configuration Secret, by name.
	Files map[string]string
	// Credentials are the files of the Secret CredentialsName.
	CredentialsName string
	Credentials     map[string][]byte
	// AppType is one of the AppType constants of the AppBinding, APIGroup the kind's, Version the server's.
	AppType, APIGroup, Version string
	// Ports of the clients' Service; the first one is the server's.
	Ports []corev1.ServicePort
	// Server is the server's container: image, ports and mounts. Volumes are what it mounts.
	Server  corev1.Container
	Volumes []corev1.Volume
	// Exporter has image, port and environment; the rest is filled in.
	Exporter blocks.Exporter
	RunAs    catalogv1alpha1.SecurityContext
	// GitSyncer is the image of git-sync.
	GitSyncer string
	// AgentImage holds the agent that runs in the pods.
	AgentImage string
}

// Build renders the desired objects. It is pure.
func (f Facts) Build(p Parts) (database.Desired, error) {
	s, port := f.Subject, p.Ports[0].Port
	d := database.Desired{
		Config:    blocks.ConfigSecret(s, p.Files, f.Live),
		Secrets:   []*corev1.Secret{f.credentials(p)},
		Governing: blocks.Governing(s, blocks.Port(naming.DatabasePortName, port, naming.DatabasePortName)),
		Services: []*corev1.Service{blocks.Service{
			Subject: s, Name: s.Name(), Alias: sharedv1.ServiceAliasPrimary, Templates: f.Wishes.Services, Ports: p.Ports,
		}.Build()},
	}
	if init := f.Wishes.Init; init != nil && init.Initialized {
		d.Config.Annotations[naming.AnnotationInitialized] = "true"
	}
	certificates := f.Certificates.Desired()
	certificates.AddTo(&d)
	binding := blocks.Binding{
		Subject: s, Type: p.AppType, Version: p.Version, APIGroup: p.APIGroup, Port: port,
		SSLMode: f.Wishes.SSLMode, Auth: f.Spec.Auth, AuthName: f.AuthName(),
	}
	f.bind(&binding, certificates)
	d.AppBinding = binding.Build()
	rules := blocks.AgentRules(s.Name(), f.Spec.Replicas, d.Config.Name, p.CredentialsName, f.AuthName(), naming.TLSSecret(s.Name()))
	blocks.Grant(&d, s, f.account(), rules, f.Live.ForeignAccount)
	exporter := p.Exporter
	exporter.Subject, exporter.Monitor, exporter.Templates = s, f.Wishes.Monitor, f.Wishes.Services
	var err error
	d.PetSet, err = blocks.Set{Pod: f.pod(p, exporter), Name: s.Name(), Replicas: f.Spec.Replicas, Live: f.Live.PetSet}.Build()
	if err != nil {
		return database.Desired{}, err
	}
	blocks.Budget(&d, s)
	exporter.AddTo(&d)
	return d, nil
}

func (f Facts) credentials(p Parts) *corev1.Secret {
	meta := f.Subject.Meta(p.CredentialsName)
	meta.Annotations = map[string]string{naming.AnnotationConfigHash: report.HashFiles(p.Credentials)}
	return &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Data: p.Credentials}
}

func (f Facts) pod(p Parts, exporter blocks.Exporter) blocks.Pod {
	server, volumes := p.Server, p.Volumes
	server.Name, server.Resources = f.Subject.Info.Container, blocks.ServerResources()
	pod := blocks.Pod{
		Subject: f.Subject, User: f.Wishes.PodTemplate, Server: server, Volumes: volumes,
		ExtraLabels: map[string]string{naming.LabelBackend: naming.BackendKey(f.Server.Namespace, f.Server.Name)},
		AgentEnv: []corev1.EnvVar{
			{Name: naming.EnvCredentialsSecret, Value: p.CredentialsName},
			{Name: naming.EnvAuthSecret, Value: f.AuthName()},
			{Name: naming.EnvTLSSecret, Value: naming.TLSSecret(f.Subject.Name())}, // without TLS too: it may come
		},
		Exporter: exporter.Container(), RunAs: p.RunAs, ServiceAccount: f.account(),
		GracePeriodSeconds: GracePeriodSeconds, AgentImage: p.AgentImage,
	}
	blocks.Scripts{Init: f.Wishes.Init, Image: p.GitSyncer, Volume: InitVolume, Mount: InitDir}.AddTo(&pod)
	return pod
}

// FromSecret is a variable that has its value from a key of a Secret.
func FromSecret(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key,
	}}}
}
