package backend

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database/custom"
)

// ConfigText is custom.Read for a Secret alone.
func ConfigText(ctx context.Context, r client.Reader, namespace, secretName, key string) (string, error) {
	text, err := custom.Read(ctx, r, namespace, &sharedv1.ConfigurationSpec{SecretName: secretName}, key)
	return text.Secret, err
}
