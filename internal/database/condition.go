package database

import sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"

// Condition is one condition of a database object or of an operation request. The types that KubeDB knows are in
// api/shared/v1; those below are Matriarch's own.
type Condition = sharedv1.Condition

// ConditionConfigurationApplied is False while a server refuses the newest configuration, with the server's own words,
// or while parameters wait for a restart. It is absent until the first member has reported.
const ConditionConfigurationApplied = "ConfigurationApplied"

// Reasons of ConditionConfigurationApplied.
const (
	ReasonConfigurationInForce    = "ConfigurationInForce"
	ReasonConfigurationRejected   = "ConfigurationRejected"
	ReasonConfigurationPropagates = "ConfigurationPropagates"
	ReasonRestartPending          = "RestartPending"
	ReasonConfigurationUnusable   = "ConfigurationUnusable"
)
