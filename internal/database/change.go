package database

import (
	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
)

// ConfigChangeOf reads the configuration section of a request, false if it has none.
func ConfigChangeOf(request opsv1alpha1.ReconfigureRequest) (ConfigChange, bool) {
	common, section := request.Reconfiguration()
	if common == nil {
		return ConfigChange{}, false
	}
	change := ConfigChange{Remove: common.RemoveCustomConfig, Apply: common.ApplyConfig, Section: section}
	if common.ConfigSecret != nil {
		change.SecretName = common.ConfigSecret.Name
	}
	return change, true
}
