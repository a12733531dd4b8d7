package postgres

import (
	"context"
	"fmt"
	"strings"

	catalogv1alpha1 "github.com/matriarchdb/matriarch/api/catalog/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

var _ database.Updater = Kind{}

// Versions lists the catalog. Minor versions of one major version work on the same data; another major version needs
// pg_upgrade. Another base brings another C library, whose sort order may differ: indexes over text would be wrong.
func (Kind) Versions(ctx context.Context, r database.Reader) ([]database.CatalogVersion, error) {
	var list catalogv1alpha1.PostgresVersionList
	if err := r.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("list postgresversions: %w", err)
	}
	out := make([]database.CatalogVersion, 0, len(list.Items))
	for _, v := range list.Items {
		major, _, _ := strings.Cut(v.Spec.Version, ".")
		out = append(out, database.CatalogVersion{
			Name: v.Name, Version: v.Spec.Version, Deprecated: v.Spec.Deprecated,
			Allow: v.Spec.UpdateConstraints.Allowlist, Deny: v.Spec.UpdateConstraints.Denylist,
			Fixed:  map[string]string{"distribution": string(v.Spec.Distribution), "base OS": v.Spec.DB.BaseOS},
			Series: major,
			SeriesHint: "and this release of Matriarch does not upgrade the data of one major version to another; " +
				"dump the database and restore it into a new one of that version",
		})
	}
	return out, nil
}
