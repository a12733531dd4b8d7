package pgpool

import (
	"context"
	"fmt"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

var _ database.Updater = Kind{}

// Versions lists the catalog. A Pgpool keeps no data, so any version can follow another, as the catalog allows.
func (Kind) Versions(ctx context.Context, r database.Reader) ([]database.CatalogVersion, error) {
	var list catalogv1alpha1.PgpoolVersionList
	if err := r.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list %s: %w", versions, err)
	}
	out := make([]database.CatalogVersion, 0, len(list.Items))
	for _, v := range list.Items {
		out = append(out, database.CatalogVersion{
			Name: v.Name, Version: v.Spec.Version, Deprecated: v.Spec.Deprecated,
			Allow: v.Spec.UpdateConstraints.Allowlist, Deny: v.Spec.UpdateConstraints.Denylist,
		})
	}
	return out, nil
}
