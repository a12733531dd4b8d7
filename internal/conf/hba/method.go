package hba

import (
	"fmt"
	"slices"
	"strings"
)

func (d Dialect) method(rule *Rule, fields [][]string) (message string) {
	if len(fields) == 0 {
		return "the method is missing"
	}
	rule.Method = strings.Join(fields[0], ",")
	if !slices.Contains(d.methods(), rule.Method) {
		return fmt.Sprintf("unknown method %q; allowed: %s", rule.Method, strings.Join(d.methods(), ", "))
	}
	for _, field := range fields[1:] {
		for _, option := range field {
			option = unquote(option)
			name, _, found := strings.Cut(option, "=")
			if !found || name == "" {
				return fmt.Sprintf("the option %q is not of the form name=value", option)
			}
			if !slices.Contains(d.options(rule.Method), name) {
				return fmt.Sprintf("the method %s has no option %q", rule.Method, name)
			}
			if name == "clientcert" && rule.Type != HostSSL {
				return "clientcert can only be asked for with " + HostSSL
			}
			rule.Options = append(rule.Options, option)
		}
	}
	return rule.fits()
}

// fits checks that the method can work over this type of connection.
func (r *Rule) fits() (message string) {
	switch {
	case r.Method == Cert && r.Type != HostSSL:
		return fmt.Sprintf("the method cert needs %s, not %s", HostSSL, r.Type)
	case r.Method == "peer" && r.Type != Local:
		return fmt.Sprintf("the method peer needs %s, not %s", Local, r.Type)
	case r.Method == "gss" && r.Type == Local:
		return "the method gss does not work for " + Local
	}
	return ""
}

func (d Dialect) methods() []string {
	if d == Pgpool {
		return []string{Trust, Reject, MD5, SCRAM, Cert, "password", "pam", "ldap"}
	}
	return []string{
		Trust, Reject, MD5, SCRAM, Cert, "password", "gss", "sspi", "ident", "peer", "pam", "bsd", "ldap", "radius", "oauth",
	}
}

// options are what parse_hba_auth_opt of hba.c and pool_hba.c takes for a method.
func (d Dialect) options(method string) []string {
	var options []string
	switch method {
	case "pam":
		options = []string{"pamservice", "pam_use_hostname"}
	case "ldap":
		options = []string{
			"ldapserver", "ldapport", "ldapscheme", "ldaptls", "ldapprefix", "ldapsuffix", "ldapbasedn", "ldapbinddn",
			"ldapbindpasswd", "ldapsearchattribute", "ldapsearchfilter", "ldapurl",
		}
	case "radius":
		options = []string{"radiusservers", "radiussecrets", "radiusports", "radiusidentifiers"}
	case "oauth":
		options = []string{"issuer", "scope", "validator", "map", "delegate_ident_mapping"}
	case "gss":
		options = []string{"map", "include_realm", "krb_realm"}
	case "sspi":
		options = []string{"map", "include_realm", "krb_realm", "compat_realm", "upn_username"}
	case "ident", "peer", Cert:
		options = []string{"map"}
	}
	if d == Pgpool {
		return options
	}
	return append(options, "clientcert", "clientname")
}
