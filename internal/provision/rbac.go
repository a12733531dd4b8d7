package provision

// What the provisioner may do in the cluster. It holds every right that it grants to agents (see blocks.AgentRules and
// the kinds' own rules), so that it needs no right to escalate.
//
// +kubebuilder:rbac:groups=kubedb.com,resources=postgreses;pgpools;pgbouncers,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kubedb.com,resources=postgreses/status;pgpools/status;pgbouncers/status,verbs=patch
// +kubebuilder:rbac:groups=kubedb.com,resources=postgreses/finalizers;pgpools/finalizers;pgbouncers/finalizers,verbs=update
// +kubebuilder:rbac:groups=catalog.kubedb.com,resources=postgresversions;pgpoolversions;pgbouncerversions,verbs=get;list;watch
// +kubebuilder:rbac:groups=appcatalog.appscode.com,resources=appbindings,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps.k8s.appscode.com,resources=petsets/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=secrets;services;serviceaccounts,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;patch;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=roles;rolebindings,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=certificates,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=cert-manager.io,resources=issuers;clusterissuers,verbs=get;list;watch
// +kubebuilder:rbac:groups=ops.kubedb.com,resources=pgpoolopsrequests;pgbounceropsrequests,verbs=create
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=storage.k8s.io,resources=storageclasses,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
