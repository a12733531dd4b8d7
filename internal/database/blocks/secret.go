package blocks

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"

	"github.com/matriarchdb/matriarch/internal/agent/report"
	"github.com/matriarchdb/matriarch/internal/naming"
)

// ConfigSecret renders the Secret with the final configuration files and, beside each file, its former content: what
// was in force before. A content that no member accepted does not become the former content: a rollback must not end
// in something that was refused.
func ConfigSecret(s Subject, files map[string]string, live Live) *corev1.Secret {
	data := make(map[string][]byte, 2*len(files))
	for name, text := range files {
		data[name] = []byte(text)
	}
	meta := s.Meta(naming.ConfigSecret(s.Name(), string(s.Object.GetUID())))
	meta.Annotations = map[string]string{naming.AnnotationConfigHash: report.HashFiles(data)}
	keepFormer(data, live)
	return &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Data: data}
}

func keepFormer(data map[string][]byte, live Live) {
	if live.Config == nil {
		return
	}
	replaced := report.HashFiles(data) != report.HashFiles(live.Config.Data)
	useful := replaced && live.Accepted(report.HashFiles(live.Config.Data))
	for name := range live.Config.Data {
		present, isFile := data[name]
		if !isFile {
			continue
		}
		former, known := live.Config.Data[name+naming.PrevSuffix]
		if useful && !bytes.Equal(present, live.Config.Data[name]) {
			former, known = live.Config.Data[name], true
		}
		if known {
			data[name+naming.PrevSuffix] = former
		}
	}
}
